output "url" {
  description = "Where clients reach the gateway, once the domain points to the balancer."
  value       = "https://${var.domain}"
}

output "balancer" {
  description = "What the domain points to: by CNAME, or by an alias with the zone."
  value       = { name = module.gateway.dns_name, zone = module.gateway.zone_id }
}

output "images" {
  description = "Container images that the machines pull: push them before the second apply."
  value       = local.images
}

output "models_bucket" {
  description = "Bucket of weights, with a folder for each profile."
  value       = module.storage.buckets["models"].name
}

output "images_bucket" {
  description = "Bucket of images."
  value       = module.storage.buckets["images"].name
}

output "weights_file_system" {
  description = "EFS file system of weights; null unless weights = efs."
  value       = one(module.weights[*].file_system_id)
}

output "secrets" {
  description = "Secrets whose values are set outside of Terraform."
  value       = module.storage.secret_arns
}

output "valkey_users" {
  description = "ElastiCache's ids of the users whose passwords are set outside of Terraform."
  value       = module.cache.user_ids
}

output "gateway_group" {
  description = "Autoscaling group of the gateway's machines."
  value       = module.gateway.group_name
}

output "pool_groups" {
  description = "Autoscaling groups of the worker pools, by profile."
  value       = { for profile, pool in module.pools : profile => pool.group_name }
}

output "log_groups" {
  description = "CloudWatch log groups by kind of machine."
  value       = merge({ gateway = module.gateway.machine.log_group }, { for profile, pool in module.pools : profile => pool.machine.log_group })
}

output "alarm_topic" {
  description = "SNS topic of alarms."
  value       = module.scaling.topic_arn
}
