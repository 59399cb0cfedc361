# No public data, nothing unencrypted, nothing kept for ever.

mock_provider "aws" { source = "./tests/mocks" }

variables {
  name                 = "darkroom"
  image_retention_days = 7
  repositories         = ["gateway", "cpu"]
  secrets              = { worker = "Password of a worker" }
  protect              = true
}

run "nothing_is_public" {
  module { source = "./modules/storage" }

  assert {
    condition = toset(keys(aws_s3_bucket_public_access_block.this)) == toset(keys(aws_s3_bucket.this)) && alltrue([
      for block in aws_s3_bucket_public_access_block.this :
      block.block_public_acls && block.block_public_policy && block.ignore_public_acls && block.restrict_public_buckets
    ])
    error_message = "Every bucket blocks every way to be public."
  }

  assert {
    condition = alltrue([
      for name, policy in aws_s3_bucket_policy.this : jsondecode(policy.policy).Statement == [{
        Sid       = "OnlyTLS"
        Effect    = "Deny"
        Principal = "*"
        Action    = "s3:*"
        Resource  = [aws_s3_bucket.this[name].arn, "${aws_s3_bucket.this[name].arn}/*"]
        Condition = { Bool = { "aws:SecureTransport" = "false" } }
      }]
    ])
    error_message = "A bucket's policy allows nobody anything and refuses what is not TLS."
  }
}

run "everything_is_encrypted" {
  module { source = "./modules/storage" }

  assert {
    condition = alltrue([
      for each in aws_s3_bucket_server_side_encryption_configuration.this :
      one(one(each.rule).apply_server_side_encryption_by_default).kms_master_key_id == aws_kms_key.this.arn
    ])
    error_message = "Buckets use the deployment's key."
  }

  assert {
    condition     = alltrue([for each in aws_ecr_repository.this : one(each.encryption_configuration).kms_key == aws_kms_key.this.arn && each.image_tag_mutability == "IMMUTABLE"])
    error_message = "Repositories use it too, and a tag stays what it was."
  }

  assert {
    condition     = alltrue([for each in aws_secretsmanager_secret.this : each.kms_key_id == aws_kms_key.this.arn])
    error_message = "Secrets use it too."
  }

  assert {
    condition     = [for each in jsondecode(aws_kms_key.this.policy).Statement : each.Principal] == [{ AWS = "arn:aws:iam::123456789012:root" }, { Service = "logs.us-east-1.amazonaws.com" }, { Service = "cloudwatch.amazonaws.com" }]
    error_message = "The key is the account's, of its logs and of its alarms."
  }
}

run "images_go_after_a_week" {
  module { source = "./modules/storage" }

  assert {
    condition     = [for rule in aws_s3_bucket_lifecycle_configuration.images.rule : one(rule.expiration).days if rule.id == "images"] == [8]
    error_message = "The bucket's rule comes a day after the application's."
  }

  assert {
    condition     = alltrue([for rule in aws_s3_bucket_lifecycle_configuration.models.rule : length(rule.expiration) == 0])
    error_message = "Weights stay."
  }
}

run "protected_data_stay" {
  module { source = "./modules/storage" }

  assert {
    condition     = alltrue([for bucket in aws_s3_bucket.this : bucket.force_destroy == false]) && aws_secretsmanager_secret.this["worker"].recovery_window_in_days == 30
    error_message = "With protect, data outlive a destroy."
  }
}

run "unprotected_data_go" {
  module { source = "./modules/storage" }

  variables {
    protect = false
  }

  assert {
    condition     = alltrue([for bucket in aws_s3_bucket.this : bucket.force_destroy == true]) && aws_secretsmanager_secret.this["worker"].recovery_window_in_days == 0
    error_message = "Without, a destroy leaves nothing that costs."
  }
}

run "a_day_of_retention_is_refused" {
  command = plan
  module { source = "./modules/storage" }

  variables {
    image_retention_days = 1
  }

  expect_failures = [var.image_retention_days]
}
