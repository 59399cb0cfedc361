output "vpc_id" {
  description = "The VPC."
  value       = aws_vpc.this.id
}

output "public_subnet_ids" {
  description = "Where the load balancer is, by zone."
  value       = { for zone, subnet in aws_subnet.public : zone => subnet.id }
}

output "private_subnet_ids" {
  description = "Where machines are, by zone."
  value       = { for zone, subnet in aws_subnet.private : zone => subnet.id }
}

output "data_subnet_ids" {
  description = "Where Valkey and EFS are, by zone."
  value       = { for zone, subnet in aws_subnet.data : zone => subnet.id }
}

output "security_group_ids" {
  description = "Security groups: balancer, gateway, worker, data, endpoints."
  value       = { for name, group in aws_security_group.this : name => group.id }
}
