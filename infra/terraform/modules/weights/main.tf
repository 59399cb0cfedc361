# Weights in EFS: no copy at each start, but every read of 58 GB goes over the network.

resource "aws_efs_file_system" "this" {
  creation_token  = "${var.name}-weights"
  encrypted       = true
  kms_key_id      = var.key_arn
  throughput_mode = "elastic"

  tags = { Name = "${var.name}-weights" }
}

resource "aws_efs_mount_target" "this" {
  for_each = var.subnet_ids

  file_system_id  = aws_efs_file_system.this.id
  subnet_id       = each.value
  security_groups = [var.security_group_id]
}
