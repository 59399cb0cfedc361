# Reads environments/*.tfvars, so that tests apply them as they are.

terraform {
  required_providers {
    terraform = { source = "terraform.io/builtin/terraform" }
  }
}

output "dev" {
  description = "environments/dev.tfvars"
  value       = provider::terraform::decode_tfvars(file("${path.module}/../../environments/dev.tfvars"))
}

output "prod" {
  description = "environments/prod.tfvars"
  value       = provider::terraform::decode_tfvars(file("${path.module}/../../environments/prod.tfvars"))
}
