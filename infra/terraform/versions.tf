terraform {
  required_version = ">= 1.11, < 2.0"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 6.25"
    }
  }

  # Bucket, key and region are given at `terraform init` (docs/deploy.md): they differ per environment.
  backend "s3" {}
}

provider "aws" {
  region = var.region

  # What an autoscaling group launches does not get these: modules/machine and modules/worker_pool repeat them.
  default_tags {
    tags = local.tags
  }
}
