output "launch_template_id" {
  description = "The launch template."
  value       = aws_launch_template.this.id
}

output "launch_template_version" {
  description = "Its newest version."
  value       = aws_launch_template.this.latest_version
}

output "user_data" {
  description = "What cloud-init reads at the first boot."
  value       = local.user_data
}

output "files" {
  description = "Content of the files that it writes, by path."
  value       = { for path, each in local.files : path => each.content }
}

output "policy" {
  description = "What the machine's role may do, as JSON."
  value       = aws_iam_role_policy.this.policy
}

output "log_group" {
  description = "Where its containers' logs are."
  value       = aws_cloudwatch_log_group.this.name
}

output "metadata_options" {
  description = "How processes reach the machine's metadata."
  value       = one(aws_launch_template.this.metadata_options)
}

output "image_id" {
  description = "The machine image."
  value       = local.ami_id
}

output "disk" {
  description = "The root disk."
  value       = one(one(aws_launch_template.this.block_device_mappings).ebs)
}
