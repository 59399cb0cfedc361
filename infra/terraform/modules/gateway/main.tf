# What is always on: a balancer with HTTPS, and machines that run gateway, jobs worker and Flower. With several machines
# there are several jobs workers; one of them leads (tasks/sweeper.py).

data "aws_region" "current" {}

locals {
  name           = "${var.deployment}-gateway"
  shows_flower   = var.flower_login != null
  flower_prefix  = "flower"
  listener_ports = { gateway = 8000, flower = 5555 }
  # uvicorn closes an idle connection after 5 s by default. A balancer that has just sent a request on it would answer
  # its client with 502, so the target has to be the more patient one.
  keep_alive_seconds = var.idle_timeout_seconds + 15
  # A synchronous edit, and a little more.
  deregistration_seconds = 130

  shared = merge(var.environment, { AWS_REGION = data.aws_region.current.region })

  containers = {
    gateway = {
      image   = var.image
      command = ["gateway", "--host", "0.0.0.0", "--port", tostring(local.listener_ports.gateway)]
      environment = merge(local.shared, {
        DARKROOM_ACCESS            = "keys"
        DARKROOM_CORS_ORIGINS      = jsonencode(var.cors_origins)
        UVICORN_TIMEOUT_KEEP_ALIVE = tostring(local.keep_alive_seconds)
        FORWARDED_ALLOW_IPS        = var.vpc_cidr
      })
      secrets      = { REDIS_URL = var.secrets.broker_as_gateway, IMAGE_CACHE_URL = var.secrets.cache }
      ports        = [local.listener_ports.gateway]
      stop_seconds = 30
    }
    jobs = {
      image   = var.image
      command = ["worker", "jobs"]
      environment = merge(local.shared, {
        DARKROOM_DEPLOYMENT     = var.deployment
        DARKROOM_SCALING_GROUPS = join(",", [for profile, group in var.scaling_groups : "${profile}=${group}"])
        DARKROOM_SCALING_SLOTS  = join(",", [for profile, slots in var.scaling_slots : "${profile}=${slots}"])
      })
      secrets      = { REDIS_URL = var.secrets.broker_as_worker, IMAGE_CACHE_URL = var.secrets.cache }
      ports        = []
      stop_seconds = var.drain_seconds + 15
    }
    flower = {
      image        = var.image
      command      = ["flower", "--host", "0.0.0.0", "--port", tostring(local.listener_ports.flower), "--history", "/data/flower/flower.db"]
      environment  = merge(local.shared, { FLOWER_URL_PREFIX = local.flower_prefix })
      secrets      = { REDIS_URL = var.secrets.broker_as_flower, FLOWER_BASIC_AUTH = var.secrets.flower_login }
      made         = ["FLOWER_COOKIE_SECRET"]
      ports        = [local.listener_ports.flower]
      stop_seconds = 15
    }
  }

  statements = concat(
    [
      {
        # Deleting is the jobs worker's: it expires images.
        Sid      = "Images"
        Effect   = "Allow"
        Action   = ["s3:DeleteObject", "s3:GetObject", "s3:PutObject"]
        Resource = ["${var.images_bucket_arn}/*"]
      },
      {
        Sid      = "ImagesList"
        Effect   = "Allow"
        Action   = ["s3:ListBucket"]
        Resource = [var.images_bucket_arn]
      },
    ],
    var.statements,
  )
}

module "machine" {
  source = "../machine"

  deployment        = var.deployment
  name              = "gateway"
  ami               = { parameter = var.machines.ami_parameter, id = var.machines.ami_id }
  instance_type     = var.machines.instance_type
  disk_gib          = var.machines.disk_gib
  security_group_id = var.security_group_ids.gateway
  containers        = local.containers
  registry          = var.registry
  install_docker    = true
  key_arn           = var.key_arn
  log_days          = var.log_days
  statements        = local.statements
  tags              = var.tags

  files = {
    # `sudo darkroom keys create NAME` in a session: the gateway starts once there is a key.
    "/usr/local/bin/darkroom" = {
      permissions = "0755"
      content     = <<-SH
        #!/bin/sh
        exec docker run --rm --env-file /etc/darkroom/gateway.env --env-file /run/darkroom/gateway.env ${var.image} "$@"
      SH
    }
  }
}

resource "aws_autoscaling_group" "this" {
  name                = local.name
  vpc_zone_identifier = var.private_subnet_ids

  min_size         = var.machines.count
  desired_capacity = var.machines.count
  max_size         = var.machines.count + 1

  target_group_arns = concat([aws_lb_target_group.gateway.arn], aws_lb_target_group.flower[*].arn)
  # The balancer's opinion counts ten minutes after the start: boot, image, and the first key, which somebody makes.
  health_check_type         = "ELB"
  health_check_grace_period = 600
  wait_for_capacity_timeout = "0"
  metrics_granularity       = "1Minute"
  enabled_metrics           = ["GroupDesiredCapacity", "GroupInServiceInstances"]

  launch_template {
    id      = module.machine.launch_template_id
    version = module.machine.launch_template_version
  }

  instance_refresh {
    strategy = "Rolling"

    preferences {
      # A new machine first, then an old one goes.
      min_healthy_percentage = 100
      max_healthy_percentage = 200
      skip_matching          = true
    }
  }

  dynamic "tag" {
    for_each = merge(var.tags, { Name = local.name })

    content {
      key                 = tag.key
      value               = tag.value
      propagate_at_launch = true
    }
  }
}

resource "aws_lb" "this" {
  #checkov:skip=CKV_AWS_91:request lines hold signed tokens, which no log of ours keeps (docs/access.md)
  #checkov:skip=CKV2_AWS_28:each request needs an API key and counts against its rate; a firewall by the request is a choice of its own
  name               = var.deployment
  load_balancer_type = "application"
  internal           = false
  subnets            = var.public_subnet_ids
  security_groups    = [var.security_group_ids.balancer]

  idle_timeout               = var.idle_timeout_seconds
  drop_invalid_header_fields = true
  enable_deletion_protection = var.protect
}

resource "aws_lb_target_group" "gateway" {
  name                 = local.name
  vpc_id               = var.vpc_id
  protocol             = "HTTP"
  port                 = local.listener_ports.gateway
  deregistration_delay = local.deregistration_seconds
  # An event stream holds its connection for minutes: by turns, one machine could have all of them.
  load_balancing_algorithm_type = "least_outstanding_requests"

  health_check {
    path                = "/api/health"
    matcher             = "200"
    interval            = 10
    timeout             = 5
    healthy_threshold   = 2
    unhealthy_threshold = 3
  }
}

resource "aws_lb_target_group" "flower" {
  #checkov:skip=CKV_AWS_378:TLS ends at the balancer; behind it are private subnets and security groups that name each other
  count = local.shows_flower ? 1 : 0

  name                 = "${var.deployment}-flower"
  vpc_id               = var.vpc_id
  protocol             = "HTTP"
  port                 = local.listener_ports.flower
  deregistration_delay = 15

  health_check {
    path                = "/${local.flower_prefix}/healthcheck"
    matcher             = "200"
    interval            = 30
    timeout             = 5
    healthy_threshold   = 2
    unhealthy_threshold = 10
  }

  # Each machine's Flower has seen what it has seen.
  stickiness {
    type            = "lb_cookie"
    cookie_duration = 3600
  }
}

resource "aws_lb_listener" "https" {
  load_balancer_arn = aws_lb.this.arn
  port              = 443
  protocol          = "HTTPS"
  certificate_arn   = var.certificate_arn
  ssl_policy        = "ELBSecurityPolicy-TLS13-1-2-2021-06"

  default_action {
    type             = "forward"
    target_group_arn = aws_lb_target_group.gateway.arn
  }
}

resource "aws_lb_listener" "http" {
  load_balancer_arn = aws_lb.this.arn
  port              = 80
  protocol          = "HTTP"

  default_action {
    type = "redirect"

    redirect {
      protocol    = "HTTPS"
      port        = "443"
      status_code = "HTTP_301"
    }
  }
}

# Metrics name workers and routes: they are read inside the VPC.
resource "aws_lb_listener_rule" "metrics" {
  listener_arn = aws_lb_listener.https.arn
  priority     = 10

  condition {
    path_pattern {
      values = ["/metrics", "/metrics/*"]
    }
  }

  action {
    type = "fixed-response"

    fixed_response {
      content_type = "text/plain"
      message_body = "Metrics are read inside the network."
      status_code  = "404"
    }
  }
}

# Two doors: the balancer's login, then Flower's own.
resource "aws_lb_listener_rule" "flower" {
  count = local.shows_flower ? 1 : 0

  listener_arn = aws_lb_listener.https.arn
  priority     = 20

  condition {
    path_pattern {
      values = ["/${local.flower_prefix}", "/${local.flower_prefix}/*"]
    }
  }

  action {
    order = 1
    type  = "authenticate-oidc"

    authenticate_oidc {
      issuer                     = var.flower_login.issuer
      authorization_endpoint     = var.flower_login.authorization_endpoint
      token_endpoint             = var.flower_login.token_endpoint
      user_info_endpoint         = var.flower_login.user_info_endpoint
      client_id                  = var.flower_login.client_id
      client_secret              = var.flower_client_secret
      on_unauthenticated_request = "authenticate"
      session_timeout            = 28800
    }
  }

  action {
    order            = 2
    type             = "forward"
    target_group_arn = aws_lb_target_group.flower[0].arn
  }
}
