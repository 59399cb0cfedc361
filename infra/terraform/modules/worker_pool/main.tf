# Machines of one profile, none of them as long as there is nothing to do. How many there are is the jobs worker's
# decision alone (docs/decisions/0015): this group has no scaling policy and no schedule, and Terraform leaves its
# desired capacity as it finds it.

data "aws_caller_identity" "current" {}
data "aws_partition" "current" {}
data "aws_region" "current" {}

locals {
  name = "${var.deployment}-${var.profile}"
  arn = join(":", [
    "arn", data.aws_partition.current.partition, "autoscaling", data.aws_region.current.region,
    data.aws_caller_identity.current.account_id, "autoScalingGroup", "*", "autoScalingGroupName/${local.name}",
  ])

  is_warm     = var.limits.warm > 0
  from_s3     = try(var.weights.source == "s3", false)
  weights_arn = local.from_s3 ? var.weights.bucket_arn : ""
  tags        = merge(var.tags, { Pool = var.profile })
  stop_after  = var.drain_seconds + 15

  # Where the weights are on the machine.
  folder = var.weights == null ? null : {
    folder = {
      s3  = var.preset.models_folder
      efs = "/mnt/weights"
      ami = coalesce(var.weights.ami_folder, "/")
    }[var.weights.source]
    must_mount  = local.from_s3 && var.preset.must_mount
    file_system = var.weights.file_system
    subfolder   = var.profile
  }

  environment = merge(
    var.environment,
    {
      AWS_REGION             = data.aws_region.current.region
      DARKROOM_MACHINE_GROUP = local.name
    },
    var.weights == null ? {} : { DARKROOM_MODELS_FOLDER = "/models" },
    local.from_s3 ? { DARKROOM_MODELS_URL = var.weights.url } : {},
  )

  statements = concat(
    [
      {
        # Its own group: its hooks, and protection while it is busy. EC2 has no finer resource for these.
        Sid    = "Lifecycle"
        Effect = "Allow"
        Action = [
          "autoscaling:CompleteLifecycleAction",
          "autoscaling:RecordLifecycleActionHeartbeat",
          "autoscaling:SetInstanceProtection",
        ]
        Resource = [local.arn]
      },
      {
        Sid      = "Images"
        Effect   = "Allow"
        Action   = ["s3:GetObject", "s3:PutObject"]
        Resource = ["${var.images_bucket_arn}/*"]
      },
      {
        # Without it S3 answers 403 for an image that is not there, and the store takes that for an outage.
        Sid      = "ImagesThatAreNotThere"
        Effect   = "Allow"
        Action   = ["s3:ListBucket"]
        Resource = [var.images_bucket_arn]
      },
    ],
    [for each in [
      {
        Sid      = "Weights"
        Effect   = "Allow"
        Action   = ["s3:GetObject"]
        Resource = ["${local.weights_arn}/${var.profile}/*"]
      },
      {
        Sid       = "WeightsList"
        Effect    = "Allow"
        Action    = ["s3:ListBucket"]
        Resource  = [local.weights_arn]
        Condition = { StringLike = { "s3:prefix" = [var.profile, "${var.profile}/*"] } }
      },
    ] : each if local.from_s3],
  )
}

module "machine" {
  source = "../machine"

  deployment        = var.deployment
  name              = var.profile
  ami               = { parameter = var.preset.ami_parameter, id = var.ami_id }
  instance_type     = var.preset.instance_types[0]
  disk_gib          = var.preset.disk_gib
  disk_mbps         = var.preset.disk_mbps
  security_group_id = var.security_group_id
  registry          = var.registry
  install_docker    = var.preset.install_docker
  weights           = local.folder
  key_arn           = var.key_arn
  log_days          = var.log_days
  statements        = local.statements
  tags              = local.tags

  containers = {
    worker = {
      image       = var.image
      command     = ["machine", var.profile]
      environment = local.environment
      secrets     = var.secrets
      gpus        = var.preset.gpus
      # What is fetched at boot is written there; else it is only read.
      models = var.weights == null ? null : local.from_s3 ? "rw" : "ro"
      # It ends by itself when it has drained; a machine that goes must not begin again.
      restart      = "on-failure"
      stop_seconds = local.stop_after
    }
  }
}

resource "aws_autoscaling_group" "this" {
  name                = local.name
  vpc_zone_identifier = var.subnet_ids

  min_size         = 0
  max_size         = var.limits.max
  desired_capacity = 0

  # A worker protects its machine while it is busy; one that is starting or idle may go.
  protect_from_scale_in = false
  termination_policies  = ["OldestLaunchTemplate", "OldestInstance"]
  # Moving machines between zones would load models for nothing.
  suspended_processes = ["AZRebalance"]
  capacity_rebalance  = !local.is_warm

  # Counts from InService, which the launch hook delays until the model is loaded.
  health_check_type         = "EC2"
  health_check_grace_period = 60
  wait_for_capacity_timeout = "0"

  metrics_granularity = "1Minute"
  enabled_metrics     = ["GroupDesiredCapacity", "GroupInServiceInstances", "GroupPendingInstances", "GroupTerminatingInstances"]

  dynamic "launch_template" {
    for_each = local.is_warm ? [module.machine] : []

    content {
      id      = launch_template.value.launch_template_id
      version = launch_template.value.launch_template_version
    }
  }

  dynamic "mixed_instances_policy" {
    for_each = local.is_warm ? [] : [module.machine]

    content {
      instances_distribution {
        on_demand_base_capacity                  = var.limits.on_demand_base
        on_demand_percentage_above_base_capacity = 100 - var.limits.spot_percent
        on_demand_allocation_strategy            = "prioritized"
        spot_allocation_strategy                 = "price-capacity-optimized"
      }

      launch_template {
        launch_template_specification {
          launch_template_id = mixed_instances_policy.value.launch_template_id
          version            = mixed_instances_policy.value.launch_template_version
        }

        dynamic "override" {
          for_each = var.preset.instance_types

          content {
            instance_type = override.value
          }
        }
      }
    }
  }

  # Stopped machines cost their disks only; their images are pulled, their NVMe disks are empty again.
  dynamic "warm_pool" {
    for_each = local.is_warm ? [var.limits.warm] : []

    content {
      pool_state                  = "Stopped"
      min_size                    = warm_pool.value
      max_group_prepared_capacity = warm_pool.value
    }
  }

  # A new image or launch template replaces idle machines at once and busy ones when they are done.
  instance_refresh {
    strategy = "Rolling"

    preferences {
      min_healthy_percentage       = 50
      scale_in_protected_instances = "Wait"
      skip_matching                = true
    }
  }

  dynamic "tag" {
    for_each = merge(local.tags, { Name = local.name })

    content {
      key                 = tag.key
      value               = tag.value
      propagate_at_launch = true
    }
  }

  lifecycle {
    ignore_changes = [desired_capacity]
  }
}

# Until its workers are ready a machine counts as pending; one that does not come up is replaced. `darkroom machine`
# knows the hooks by these names, and works for nobody in a warm pool.
resource "aws_autoscaling_lifecycle_hook" "ready" {
  name                   = "ready"
  autoscaling_group_name = aws_autoscaling_group.this.name
  lifecycle_transition   = "autoscaling:EC2_INSTANCE_LAUNCHING"
  # Until the worker's first heartbeat: boot, and the pull of its image. It sends more while models load.
  heartbeat_timeout = var.preset.boot_seconds
  default_result    = "ABANDON"
}

# A machine that goes gives its work back first. Whatever happens then, it goes.
resource "aws_autoscaling_lifecycle_hook" "drain" {
  name                   = "drain"
  autoscaling_group_name = aws_autoscaling_group.this.name
  lifecycle_transition   = "autoscaling:EC2_INSTANCE_TERMINATING"
  heartbeat_timeout      = max(120, 2 * var.drain_seconds)
  default_result         = "CONTINUE"
}
