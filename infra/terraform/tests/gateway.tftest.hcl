# What is always on: HTTPS, streams that are not cut, three processes with the right users.

mock_provider "aws" { source = "./tests/mocks" }

variables {
  deployment           = "darkroom"
  machines             = { count = 2, instance_type = "m7i.large", disk_gib = 30, ami_parameter = "/aws/service/ami-amazon-linux-latest/al2023" }
  idle_timeout_seconds = 180
  certificate_arn      = "arn:aws:acm:us-east-1:123456789012:certificate/0"
  vpc_id               = "vpc-1"
  vpc_cidr             = "10.42.0.0/16"
  public_subnet_ids    = ["subnet-a", "subnet-b"]
  private_subnet_ids   = ["subnet-c", "subnet-d"]
  security_group_ids   = { balancer = "sg-balancer", gateway = "sg-gateway" }
  image                = "registry.example.com/darkroom/gateway:1.4.0"
  registry             = { host = "registry.example.com", repository_arns = [], has_ecr_password = false }
  environment          = { GENERATION_ENGINE = "qwen" }
  cors_origins         = ["https://app.example.com"]
  scaling_groups       = { cpu = "darkroom-cpu", t4 = "darkroom-t4", a100 = "darkroom-a100" }
  scaling_slots        = { cpu = 8, t4 = 8, a100 = 4 }
  drain_seconds        = 30
  statements           = []
  images_bucket_arn    = "arn:aws:s3:::images"
  key_arn              = "arn:aws:kms:us-east-1:123456789012:key/data"
  log_days             = 30
  protect              = true
  tags                 = { Deployment = "darkroom" }
  secrets = {
    broker_as_gateway = { arn = "arn:secret:gateway", format = "rediss://gateway:%s@broker:6379/0" }
    broker_as_worker  = { arn = "arn:secret:worker", format = "rediss://worker:%s@broker:6379/0" }
    broker_as_flower  = { arn = "arn:secret:flower", format = "rediss://flower:%s@broker:6379/0" }
    cache             = { arn = "arn:secret:images", format = "rediss://images:%s@cache:6379/0" }
    flower_login      = { arn = "arn:secret:flower-login", format = "%s" }
  }
}

run "https" {
  module { source = "./modules/gateway" }

  assert {
    condition     = aws_lb_listener.https.protocol == "HTTPS" && aws_lb_listener.https.ssl_policy == "ELBSecurityPolicy-TLS13-1-2-2021-06" && aws_lb_listener.https.certificate_arn == "arn:aws:acm:us-east-1:123456789012:certificate/0"
    error_message = "Clients come by TLS 1.2 or 1.3, with the domain's certificate."
  }

  assert {
    condition     = one(aws_lb_listener.http.default_action).type == "redirect" && one(one(aws_lb_listener.http.default_action).redirect).protocol == "HTTPS"
    error_message = "HTTP leads to HTTPS and to nothing else."
  }

  assert {
    condition     = one(aws_lb_listener.https.default_action).target_group_arn == aws_lb_target_group.gateway.arn && contains(aws_autoscaling_group.this.target_group_arns, aws_lb_target_group.gateway.arn)
    error_message = "Requests reach the machines of this group."
  }

  assert {
    condition     = aws_lb.this.security_groups == toset(["sg-balancer"]) && aws_lb.this.drop_invalid_header_fields && aws_lb.this.enable_deletion_protection
    error_message = "The balancer is in its own group, drops odd headers, and is not deleted by accident."
  }
}

run "streams_are_not_cut" {
  module { source = "./modules/gateway" }

  assert {
    condition     = aws_lb.this.idle_timeout == 180
    error_message = "A synchronous edit is silent for up to 120 s, a stream for 15."
  }

  assert {
    condition     = contains(split("\n", module.machine.files["/etc/darkroom/gateway.env"]), "UVICORN_TIMEOUT_KEEP_ALIVE=195")
    error_message = "The gateway keeps idle connections for longer than the balancer, or clients get 502."
  }

  assert {
    condition     = tonumber(aws_lb_target_group.gateway.deregistration_delay) >= 120
    error_message = "A machine that goes may finish what its clients wait for."
  }

  assert {
    condition     = one(aws_lb_target_group.gateway.health_check).path == "/api/health" && one(aws_lb_target_group.gateway.health_check).matcher == "200"
    error_message = "A gateway that lives answers /api/health, without a key."
  }
}

run "three_processes" {
  module { source = "./modules/gateway" }

  assert {
    condition = alltrue([
      for name, command in {
        gateway = "gateway --host 0.0.0.0 --port 8000"
        jobs    = "worker jobs"
        flower  = "flower --host 0.0.0.0 --port 5555 --history /data/flower/flower.db"
      } : strcontains(module.machine.files["/etc/systemd/system/darkroom-${name}.service"], "registry.example.com/darkroom/gateway:1.4.0 ${command}\n")
    ])
    error_message = "Gateway, jobs worker and Flower run from the gateway's image."
  }

  assert {
    condition = alltrue([
      for user in ["gateway", "worker", "flower"] :
      strcontains(module.machine.files["/usr/local/sbin/darkroom-prepare"], "password=$(secret arn:secret:${user})\nprintf 'REDIS_URL=rediss://${user}:%s@broker:6379/0\\n'")
    ])
    error_message = "Each comes to the broker as its own user."
  }

  assert {
    condition = alltrue([
      for line in ["DARKROOM_ACCESS=keys", "DARKROOM_CORS_ORIGINS=[\"https://app.example.com\"]", "FORWARDED_ALLOW_IPS=10.42.0.0/16"] :
      contains(split("\n", module.machine.files["/etc/darkroom/gateway.env"]), line)
    ])
    error_message = "The gateway asks for keys and believes the balancer who its client is."
  }

  assert {
    condition     = contains(split("\n", module.machine.files["/etc/darkroom/jobs.env"]), "DARKROOM_SCALING_GROUPS=a100=darkroom-a100,cpu=darkroom-cpu,t4=darkroom-t4")
    error_message = "The jobs worker knows the groups that it sets."
  }

  assert {
    condition     = contains(split("\n", module.machine.files["/etc/darkroom/jobs.env"]), "DARKROOM_SCALING_SLOTS=a100=4,cpu=8,t4=8")
    error_message = "And how much one machine of each does at once."
  }

  assert {
    condition     = !strcontains(module.machine.files["/usr/local/sbin/darkroom-prepare"], "get-login-password") && !strcontains(module.machine.policy, "ecr:")
    error_message = "Where images are elsewhere nobody asks ECR."
  }
}

run "always_on" {
  module { source = "./modules/gateway" }

  assert {
    condition     = aws_autoscaling_group.this.min_size == 2 && aws_autoscaling_group.this.desired_capacity == 2 && aws_autoscaling_group.this.health_check_type == "ELB"
    error_message = "Two machines, replaced when the balancer finds one dead."
  }
}

run "flower_is_hidden" {
  module { source = "./modules/gateway" }

  assert {
    condition     = length(aws_lb_listener_rule.flower) == 0 && length(aws_lb_target_group.flower) == 0
    error_message = "Without a login at the balancer nobody outside sees Flower."
  }

  assert {
    condition     = one(one(aws_lb_listener_rule.metrics.action).fixed_response).status_code == "404"
    error_message = "Nobody outside sees metrics."
  }
}

run "flower_has_two_doors" {
  module { source = "./modules/gateway" }

  variables {
    flower_login = {
      issuer                 = "https://id.example.com"
      authorization_endpoint = "https://id.example.com/authorize"
      token_endpoint         = "https://id.example.com/token"
      user_info_endpoint     = "https://id.example.com/userinfo"
      client_id              = "darkroom"
    }
    flower_client_secret = "shared-with-the-provider"
  }

  assert {
    condition     = [for action in aws_lb_listener_rule.flower[0].action : action.type] == ["authenticate-oidc", "forward"]
    error_message = "The balancer asks for a login before it forwards."
  }

  assert {
    condition     = one(aws_lb_target_group.flower[0].health_check).path == "/flower/healthcheck" && contains(aws_autoscaling_group.this.target_group_arns, aws_lb_target_group.flower[0].arn)
    error_message = "It forwards to Flower under its prefix."
  }

  assert {
    condition     = strcontains(module.machine.files["/usr/local/sbin/darkroom-prepare"], "printf 'FLOWER_BASIC_AUTH=%s\\n'")
    error_message = "Flower asks for its own login behind it."
  }
}

run "a_short_timeout_is_refused" {
  command = plan
  module { source = "./modules/gateway" }

  variables {
    idle_timeout_seconds = 60
  }

  expect_failures = [var.idle_timeout_seconds]
}

run "http_identity_is_refused" {
  command = plan
  module { source = "./modules/gateway" }

  variables {
    flower_login = {
      issuer                 = "http://id.example.com"
      authorization_endpoint = "https://id.example.com/authorize"
      token_endpoint         = "https://id.example.com/token"
      user_info_endpoint     = "https://id.example.com/userinfo"
      client_id              = "darkroom"
    }
    flower_client_secret = "shared-with-the-provider"
  }

  expect_failures = [var.flower_login]
}
