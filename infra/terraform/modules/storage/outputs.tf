output "key_arn" {
  description = "KMS key of all data at rest but the machines' disks."
  value       = aws_kms_key.this.arn
}

output "buckets" {
  description = "Buckets `images` and `models`: name and ARN."
  value       = { for name, bucket in aws_s3_bucket.this : name => { name = bucket.bucket, arn = bucket.arn } }
}

output "repositories" {
  description = "ECR repositories by image: URL and ARN."
  value       = { for name, repository in aws_ecr_repository.this : name => { url = repository.repository_url, arn = repository.arn } }
}

output "secret_arns" {
  description = "Secrets by name."
  value       = { for name, secret in aws_secretsmanager_secret.this : name => secret.arn }
}
