output "group_name" {
  description = "The autoscaling group."
  value       = aws_autoscaling_group.this.name
}

output "group_arn_pattern" {
  description = "ARN of the group, whatever its random part."
  value       = local.arn
}

output "boot_seconds" {
  description = "Time that a start may take until its first heartbeat."
  value       = var.preset.boot_seconds
}

output "machine" {
  description = "What its machines are: user data, files, policy, logs."
  value       = module.machine
}
