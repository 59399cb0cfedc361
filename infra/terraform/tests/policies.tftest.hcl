# What each kind of machine may do: whole statements, so that one more is a failure.

mock_provider "aws" { source = "./tests/mocks" }

variables {
  deployment      = "darkroom"
  zones           = ["us-east-1a", "us-east-1b"]
  domain          = "darkroom.example.com"
  certificate_arn = "arn:aws:acm:us-east-1:123456789012:certificate/0"
  image_tag       = "1.4.0"
  first_password  = "0123456789abcdef0123456789abcdef"
  pools           = { cpu = { max = 2 }, t4 = { max = 1 }, a100 = { max = 1 } }
}

override_resource {
  target = module.storage.aws_s3_bucket.this["images"]
  values = { arn = "arn:aws:s3:::images" }
}

override_resource {
  target = module.storage.aws_s3_bucket.this["models"]
  values = { arn = "arn:aws:s3:::models" }
}

override_resource {
  target = module.storage.aws_secretsmanager_secret.this["gateway"]
  values = { arn = "arn:secret:gateway" }
}

override_resource {
  target = module.storage.aws_secretsmanager_secret.this["worker"]
  values = { arn = "arn:secret:worker" }
}

override_resource {
  target = module.storage.aws_secretsmanager_secret.this["flower"]
  values = { arn = "arn:secret:flower" }
}

override_resource {
  target = module.storage.aws_secretsmanager_secret.this["images"]
  values = { arn = "arn:secret:images" }
}

override_resource {
  target = module.storage.aws_secretsmanager_secret.this["flower-login"]
  values = { arn = "arn:secret:flower-login" }
}

run "cpu_pool" {
  assert {
    condition = jsondecode(module.pools["cpu"].machine.policy) == {
      Version = "2012-10-17"
      Statement = [
        { Sid = "Secrets", Effect = "Allow", Action = ["secretsmanager:GetSecretValue"], Resource = ["arn:secret:images", "arn:secret:worker"] },
        { Sid = "Logs", Effect = "Allow", Action = ["logs:CreateLogStream", "logs:PutLogEvents"], Resource = ["arn:aws:logs:us-east-1:123456789012:log-group:mock:*"] },
        { Sid = "Sessions", Effect = "Allow", Action = ["ssm:UpdateInstanceInformation", "ssmmessages:CreateControlChannel", "ssmmessages:CreateDataChannel", "ssmmessages:OpenControlChannel", "ssmmessages:OpenDataChannel"], Resource = ["*"] },
        { Sid = "RegistryPassword", Effect = "Allow", Action = ["ecr:GetAuthorizationToken"], Resource = ["*"] },
        { Sid = "ContainerImages", Effect = "Allow", Action = ["ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"], Resource = ["arn:aws:ecr:us-east-1:123456789012:repository/mock"] },
        { Sid = "Key", Effect = "Allow", Action = ["kms:Decrypt", "kms:GenerateDataKey"], Resource = ["arn:aws:kms:us-east-1:123456789012:key/mock"] },
        { Sid = "Lifecycle", Effect = "Allow", Action = ["autoscaling:CompleteLifecycleAction", "autoscaling:RecordLifecycleActionHeartbeat", "autoscaling:SetInstanceProtection"], Resource = ["arn:aws:autoscaling:us-east-1:123456789012:autoScalingGroup:*:autoScalingGroupName/darkroom-cpu"] },
        { Sid = "Images", Effect = "Allow", Action = ["s3:GetObject", "s3:PutObject"], Resource = ["arn:aws:s3:::images/*"] },
        { Sid = "ImagesThatAreNotThere", Effect = "Allow", Action = ["s3:ListBucket"], Resource = ["arn:aws:s3:::images"] },
      ]
    }
    error_message = "A cpu machine may do this and nothing else: ${module.pools["cpu"].machine.policy}"
  }
}

run "pools_with_weights" {
  assert {
    condition = alltrue([
      for profile in ["t4", "a100"] :
      [for each in jsondecode(module.pools[profile].machine.policy).Statement : each.Sid] ==
      concat([for each in jsondecode(module.pools["cpu"].machine.policy).Statement : each.Sid], ["Weights", "WeightsList"])
    ])
    error_message = "Beside what a cpu machine may do, they may read weights."
  }

  assert {
    condition = alltrue([
      for profile in ["t4", "a100"] :
      [for each in jsondecode(module.pools[profile].machine.policy).Statement : each if startswith(each.Sid, "Weights")] == [
        { Sid = "Weights", Effect = "Allow", Action = ["s3:GetObject"], Resource = ["arn:aws:s3:::models/${profile}/*"] },
        { Sid = "WeightsList", Effect = "Allow", Action = ["s3:ListBucket"], Resource = ["arn:aws:s3:::models"], Condition = { StringLike = { "s3:prefix" = [profile, "${profile}/*"] } } },
      ]
    ])
    error_message = "Each pool reads the weights of its profile only."
  }

  assert {
    condition = alltrue([
      for profile in ["cpu", "t4", "a100"] :
      one([for each in jsondecode(module.pools[profile].machine.policy).Statement : each.Resource if each.Sid == "Lifecycle"]) ==
      ["arn:aws:autoscaling:us-east-1:123456789012:autoScalingGroup:*:autoScalingGroupName/darkroom-${profile}"]
    ])
    error_message = "Each pool touches its own group only."
  }
}

run "gateway_machines" {
  assert {
    condition = jsondecode(module.gateway.machine.policy) == {
      Version = "2012-10-17"
      Statement = [
        { Sid = "Secrets", Effect = "Allow", Action = ["secretsmanager:GetSecretValue"], Resource = ["arn:secret:flower", "arn:secret:flower-login", "arn:secret:gateway", "arn:secret:images", "arn:secret:worker"] },
        { Sid = "Logs", Effect = "Allow", Action = ["logs:CreateLogStream", "logs:PutLogEvents"], Resource = ["arn:aws:logs:us-east-1:123456789012:log-group:mock:*"] },
        { Sid = "Sessions", Effect = "Allow", Action = ["ssm:UpdateInstanceInformation", "ssmmessages:CreateControlChannel", "ssmmessages:CreateDataChannel", "ssmmessages:OpenControlChannel", "ssmmessages:OpenDataChannel"], Resource = ["*"] },
        { Sid = "RegistryPassword", Effect = "Allow", Action = ["ecr:GetAuthorizationToken"], Resource = ["*"] },
        { Sid = "ContainerImages", Effect = "Allow", Action = ["ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"], Resource = ["arn:aws:ecr:us-east-1:123456789012:repository/mock"] },
        { Sid = "Key", Effect = "Allow", Action = ["kms:Decrypt", "kms:GenerateDataKey"], Resource = ["arn:aws:kms:us-east-1:123456789012:key/mock"] },
        { Sid = "Images", Effect = "Allow", Action = ["s3:DeleteObject", "s3:GetObject", "s3:PutObject"], Resource = ["arn:aws:s3:::images/*"] },
        { Sid = "ImagesList", Effect = "Allow", Action = ["s3:ListBucket"], Resource = ["arn:aws:s3:::images"] },
        { Sid = "SetPools", Effect = "Allow", Action = ["autoscaling:SetDesiredCapacity"], Resource = [
          for profile in ["a100", "cpu", "t4"] : "arn:aws:autoscaling:us-east-1:123456789012:autoScalingGroup:*:autoScalingGroupName/darkroom-${profile}"
        ] },
        { Sid = "SeePools", Effect = "Allow", Action = ["autoscaling:DescribeAutoScalingGroups"], Resource = ["*"] },
        { Sid = "Publish", Effect = "Allow", Action = ["cloudwatch:PutMetricData"], Resource = ["*"], Condition = { StringEquals = { "cloudwatch:namespace" = ["Darkroom"] } } },
      ]
    }
    error_message = "A gateway machine may do this and nothing else: ${module.gateway.machine.policy}"
  }
}
