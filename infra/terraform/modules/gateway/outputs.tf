output "dns_name" {
  description = "The balancer: what the domain's CNAME or alias points to."
  value       = aws_lb.this.dns_name
}

output "zone_id" {
  description = "The balancer's hosted zone, for an alias record."
  value       = aws_lb.this.zone_id
}

output "group_name" {
  description = "The autoscaling group of the gateway's machines."
  value       = aws_autoscaling_group.this.name
}

output "metric_dimensions" {
  description = "What the balancer's metrics are found by."
  value       = { LoadBalancer = aws_lb.this.arn_suffix, TargetGroup = aws_lb_target_group.gateway.arn_suffix }
}

output "machine" {
  description = "What its machines are: user data, files, policy, logs."
  value       = module.machine
}
