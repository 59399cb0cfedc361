# One kind of machine: its launch template, its role, its logs and what it starts at boot.

data "aws_region" "current" {}

data "aws_ssm_parameter" "ami" {
  count = var.ami.id == null ? 1 : 0

  name = var.ami.parameter
}

locals {
  region = data.aws_region.current.region
  # An image's id is public; the provider takes every parameter for a secret.
  ami_id = var.ami.id == null ? nonsensitive(data.aws_ssm_parameter.ami[0].value) : var.ami.id

  secret_arns = sort(distinct(flatten([for each in var.containers : [for secret in each.secrets : secret.arn]])))
  images      = sort(distinct([for each in var.containers : each.image]))
  tags        = merge(var.tags, { Name = "${var.deployment}-${var.name}" })

  unit_files = {
    for name, each in var.containers : name => templatefile("${path.module}/container.service.tftpl", {
      name         = name
      container    = each
      region       = local.region
      log_group    = aws_cloudwatch_log_group.this.name
      weights      = var.weights
      stop_seconds = each.stop_seconds
    })
  }

  files = merge(
    var.files,
    {
      "/usr/local/sbin/darkroom-prepare" = {
        permissions = "0755"
        content = templatefile("${path.module}/prepare.sh.tftpl", {
          containers = var.containers
          images     = local.images
          region     = local.region
          registry   = var.registry
          weights    = var.weights
        })
      }
      "/etc/systemd/system/darkroom-prepare.service" = {
        permissions = "0644"
        content     = file("${path.module}/prepare.service")
      }
    },
    { for name, unit in local.unit_files : "/etc/systemd/system/darkroom-${name}.service" => { permissions = "0644", content = unit } },
    {
      for name, each in var.containers : "/etc/darkroom/${name}.env" => {
        permissions = "0644"
        content     = join("", [for variable, value in each.environment : "${variable}=${value}\n"])
      }
    },
  )

  packages = concat(
    var.install_docker ? ["docker"] : [],
    try(var.weights.file_system, null) != null ? ["amazon-efs-utils"] : [],
  )

  units = concat(["darkroom-prepare"], [for name in keys(var.containers) : "darkroom-${name}"])

  # cloud-init reads it at the first boot only; units start at every one, after a stop in a warm pool too.
  boot = {
    packages    = local.packages
    write_files = [for path, each in local.files : { path = path, permissions = each.permissions, content = each.content }]
    runcmd = concat(
      [["systemctl", "daemon-reload"], ["systemctl", "enable", "--now", "docker.service"]],
      [for unit in local.units : ["systemctl", "enable", "--now", "--no-block", "${unit}.service"]],
    )
  }
  user_data = "#cloud-config\n${jsonencode(local.boot)}"

  statements = concat(
    [
      {
        Sid      = "Secrets"
        Effect   = "Allow"
        Action   = ["secretsmanager:GetSecretValue"]
        Resource = local.secret_arns
      },
      {
        Sid      = "Logs"
        Effect   = "Allow"
        Action   = ["logs:CreateLogStream", "logs:PutLogEvents"]
        Resource = ["${aws_cloudwatch_log_group.this.arn}:*"]
      },
      {
        # Sessions in place of SSH. The managed policy for it would also read every parameter of the account.
        Sid    = "Sessions"
        Effect = "Allow"
        Action = [
          "ssm:UpdateInstanceInformation",
          "ssmmessages:CreateControlChannel",
          "ssmmessages:CreateDataChannel",
          "ssmmessages:OpenControlChannel",
          "ssmmessages:OpenDataChannel",
        ]
        Resource = ["*"]
      },
    ],
    [for each in [
      {
        Sid      = "RegistryPassword"
        Effect   = "Allow"
        Action   = ["ecr:GetAuthorizationToken"]
        Resource = ["*"]
      },
      {
        Sid      = "ContainerImages"
        Effect   = "Allow"
        Action   = ["ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]
        Resource = var.registry.repository_arns
      },
    ] : each if var.registry.has_ecr_password],
    [
      {
        Sid      = "Key"
        Effect   = "Allow"
        Action   = ["kms:Decrypt", "kms:GenerateDataKey"]
        Resource = [var.key_arn]
      },
    ],
    var.statements,
  )
}

resource "aws_cloudwatch_log_group" "this" {
  name              = "/darkroom/${var.deployment}/${var.name}"
  retention_in_days = var.log_days
  kms_key_id        = var.key_arn
}

resource "aws_iam_role" "this" {
  name        = "${var.deployment}-${var.name}"
  description = "Darkroom ${var.deployment}: ${var.name} machines"

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "Machines"
      Effect    = "Allow"
      Principal = { Service = "ec2.amazonaws.com" }
      Action    = "sts:AssumeRole"
    }]
  })
}

resource "aws_iam_role_policy" "this" {
  name = "darkroom"
  role = aws_iam_role.this.id

  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [for each in local.statements : { for key, value in each : key => value if value != null }]
  })
}

resource "aws_iam_instance_profile" "this" {
  name = "${var.deployment}-${var.name}"
  role = aws_iam_role.this.name
}

resource "aws_launch_template" "this" {
  #checkov:skip=CKV_AWS_341:containers are one hop further than the machine, and workers ask for their role and for notices there
  name                   = "${var.deployment}-${var.name}"
  description            = "Darkroom ${var.deployment}: ${var.name}"
  update_default_version = true

  image_id      = local.ami_id
  instance_type = var.instance_type
  user_data     = base64encode(local.user_data)
  ebs_optimized = true

  vpc_security_group_ids               = [var.security_group_id]
  instance_initiated_shutdown_behavior = "terminate"

  iam_instance_profile {
    arn = aws_iam_instance_profile.this.arn
  }

  metadata_options {
    http_endpoint               = "enabled"
    http_tokens                 = "required"
    http_put_response_hop_limit = 2
  }

  block_device_mappings {
    device_name = "/dev/xvda"

    ebs {
      volume_type           = "gp3"
      volume_size           = var.disk_gib
      throughput            = var.disk_mbps
      encrypted             = true
      delete_on_termination = true
    }
  }

  monitoring {
    enabled = true
  }

  dynamic "tag_specifications" {
    for_each = ["instance", "volume"]

    content {
      resource_type = tag_specifications.value
      tags          = local.tags
    }
  }

  lifecycle {
    precondition {
      condition     = length(base64encode(local.user_data)) <= 21848
      error_message = "User data may have 16 KiB; move long settings out of the environment."
    }
  }
}
