# One worker pool: from none and back to none, by one controller, with the right hooks, on the right machine.

mock_provider "aws" { source = "./tests/mocks" }

variables {
  deployment = "darkroom"
  profile    = "a100"
  preset = {
    image          = "a100"
    instance_types = ["p4de.24xlarge"]
    gpus           = true
    ami_parameter  = "/aws/service/deeplearning/ami/x86_64/base/latest/ami-id"
    install_docker = false
    disk_gib       = 200
    disk_mbps      = 750
    models_folder  = "/opt/dlami/nvme/models"
    must_mount     = true
    boot_seconds   = 1200
  }
  limits            = { max = 3, spot_percent = 70, on_demand_base = 1 }
  drain_seconds     = 30
  subnet_ids        = ["subnet-a", "subnet-b"]
  security_group_id = "sg-worker"
  image             = "123456789012.dkr.ecr.us-east-1.amazonaws.com/darkroom/a100:1.4.0"
  registry = {
    host             = "123456789012.dkr.ecr.us-east-1.amazonaws.com"
    repository_arns  = ["arn:aws:ecr:us-east-1:123456789012:repository/darkroom/a100"]
    has_ecr_password = true
  }
  environment = { GENERATION_ENGINE = "qwen" }
  secrets = {
    REDIS_URL       = { arn = "arn:secret:worker", format = "rediss://worker:%s@broker:6379/0" }
    IMAGE_CACHE_URL = { arn = "arn:secret:images", format = "rediss://images:%s@cache:6379/0" }
  }
  weights           = { source = "s3", url = "s3://models/a100", bucket_arn = "arn:aws:s3:::models" }
  images_bucket_arn = "arn:aws:s3:::images"
  key_arn           = "arn:aws:kms:us-east-1:123456789012:key/data"
  log_days          = 30
  tags              = { Deployment = "darkroom" }
}

run "scales_to_zero" {
  module { source = "./modules/worker_pool" }

  assert {
    condition     = aws_autoscaling_group.this.min_size == 0 && aws_autoscaling_group.this.desired_capacity == 0
    error_message = "A pool begins with no machine and may go back to none."
  }

  assert {
    condition     = aws_autoscaling_group.this.max_size == 3
    error_message = "A pool has no more machines than it may."
  }

  assert {
    condition     = aws_autoscaling_group.this.protect_from_scale_in == false
    error_message = "A new machine is not protected: only a busy worker protects its own."
  }

  assert {
    condition     = toset(aws_autoscaling_group.this.suspended_processes) == toset(["AZRebalance"])
    error_message = "EC2 moves no machine from zone to zone, and everything else works."
  }

  assert {
    condition     = aws_autoscaling_group.this.capacity_rebalance == true
    error_message = "A Spot machine in danger is replaced before it is taken."
  }

  assert {
    condition = alltrue([
      for key, value in { Deployment = "darkroom", Pool = "a100", Name = "darkroom-a100" } :
      anytrue([for tag in aws_autoscaling_group.this.tag : tag.key == key && tag.value == value && tag.propagate_at_launch])
    ])
    error_message = "Machines carry the tags of their group: default_tags do not reach them."
  }
}

run "mixes_spot_and_on_demand" {
  module { source = "./modules/worker_pool" }

  assert {
    condition = alltrue([
      for each in [one(one(aws_autoscaling_group.this.mixed_instances_policy).instances_distribution)] :
      each.on_demand_base_capacity == 1 && each.on_demand_percentage_above_base_capacity == 30 && each.spot_allocation_strategy == "price-capacity-optimized"
    ])
    error_message = "70 % Spot above a base of one on-demand machine."
  }

  assert {
    condition     = [for each in one(one(aws_autoscaling_group.this.mixed_instances_policy).launch_template).override : each.instance_type] == ["p4de.24xlarge"]
    error_message = "The group launches the preset's instance types."
  }

  assert {
    condition     = length(aws_autoscaling_group.this.launch_template) == 0 && length(aws_autoscaling_group.this.warm_pool) == 0
    error_message = "A mixed group has no launch template of its own and no warm pool."
  }
}

run "hooks_are_its_own" {
  module { source = "./modules/worker_pool" }

  assert {
    condition = alltrue([
      for hook in [aws_autoscaling_lifecycle_hook.ready, aws_autoscaling_lifecycle_hook.drain] :
      hook.autoscaling_group_name == aws_autoscaling_group.this.name
    ])
    error_message = "Both hooks are of this group."
  }

  assert {
    condition = (
      aws_autoscaling_lifecycle_hook.ready.name == "ready" &&
      aws_autoscaling_lifecycle_hook.ready.lifecycle_transition == "autoscaling:EC2_INSTANCE_LAUNCHING" &&
      aws_autoscaling_lifecycle_hook.ready.default_result == "ABANDON" &&
      aws_autoscaling_lifecycle_hook.ready.heartbeat_timeout == 1200
    )
    error_message = "A machine that does not become ready in the preset's time is given up."
  }

  assert {
    condition = (
      aws_autoscaling_lifecycle_hook.drain.name == "drain" &&
      aws_autoscaling_lifecycle_hook.drain.lifecycle_transition == "autoscaling:EC2_INSTANCE_TERMINATING" &&
      aws_autoscaling_lifecycle_hook.drain.default_result == "CONTINUE" &&
      aws_autoscaling_lifecycle_hook.drain.heartbeat_timeout >= 60
    )
    error_message = "A machine that goes has time to give its work back, and goes in any case."
  }
}

run "a_warm_pool_without_spot" {
  module { source = "./modules/worker_pool" }

  variables {
    limits = { max = 3, warm = 2 }
  }

  assert {
    condition     = length(aws_autoscaling_group.this.mixed_instances_policy) == 0 && length(aws_autoscaling_group.this.launch_template) == 1
    error_message = "A group with a warm pool has a plain launch template."
  }

  assert {
    condition     = alltrue([for pool in aws_autoscaling_group.this.warm_pool : pool.pool_state == "Stopped" && pool.min_size == 2])
    error_message = "Two machines wait, stopped: that costs their disks only."
  }
}

run "the_right_worker" {
  module { source = "./modules/worker_pool" }

  assert {
    condition = strcontains(
      module.machine.files["/etc/systemd/system/darkroom-worker.service"],
      "123456789012.dkr.ecr.us-east-1.amazonaws.com/darkroom/a100:1.4.0 machine a100\n",
    )
    error_message = "The unit runs `darkroom machine a100` from the pool's image."
  }

  assert {
    condition = alltrue([
      for option in ["--gpus all", "--volume /opt/dlami/nvme/models:/models:rw", "--cap-drop ALL", "--log-driver awslogs", "awslogs-group=/darkroom/darkroom/a100"] :
      strcontains(module.machine.files["/etc/systemd/system/darkroom-worker.service"], option)
    ])
    error_message = "It has the GPUs, the weights on NVMe, no privileges, and a log."
  }

  assert {
    condition = toset(compact(split("\n", module.machine.files["/etc/darkroom/worker.env"]))) == toset([
      "AWS_REGION=us-east-1",
      "DARKROOM_MACHINE_GROUP=darkroom-a100",
      "DARKROOM_MODELS_FOLDER=/models",
      "DARKROOM_MODELS_URL=s3://models/a100",
      "GENERATION_ENGINE=qwen",
    ])
    error_message = "It knows its group, its weights and its engine, and nothing secret stands there."
  }

  assert {
    condition = (
      strcontains(module.machine.files["/usr/local/sbin/darkroom-prepare"], "docker pull --quiet 123456789012.dkr.ecr.us-east-1.amazonaws.com/darkroom/a100:1.4.0") &&
      strcontains(module.machine.files["/usr/local/sbin/darkroom-prepare"], "password=$(secret arn:secret:worker)") &&
      strcontains(module.machine.files["/usr/local/sbin/darkroom-prepare"], "mountpoint -q $(dirname /opt/dlami/nvme/models)")
    )
    error_message = "Before that it pulls the image, reads the passwords and waits for the NVMe disks."
  }

  assert {
    condition = (
      startswith(module.machine.user_data, "#cloud-config\n") &&
      contains([for each in yamldecode(module.machine.user_data).write_files : each.path], "/etc/systemd/system/darkroom-worker.service") &&
      contains(yamldecode(module.machine.user_data).runcmd, ["systemctl", "enable", "--now", "--no-block", "darkroom-worker.service"])
    )
    error_message = "User data write the unit and start it."
  }

  assert {
    condition     = strcontains(module.machine.files["/etc/systemd/system/darkroom-worker.service"], "docker stop --time 45 darkroom-worker")
    error_message = "A stop waits longer than the longest drain."
  }

  assert {
    condition     = strcontains(module.machine.files["/etc/systemd/system/darkroom-worker.service"], "Restart=on-failure\n")
    error_message = "A worker that has drained stays down."
  }
}

run "weights_from_efs" {
  module { source = "./modules/worker_pool" }

  variables {
    weights = { source = "efs", file_system = "fs-1" }
  }

  assert {
    condition = (
      strcontains(module.machine.files["/usr/local/sbin/darkroom-prepare"], "mount -t efs -o tls,ro fs-1:/a100 /mnt/weights") &&
      strcontains(module.machine.files["/etc/systemd/system/darkroom-worker.service"], "--volume /mnt/weights:/models:ro") &&
      !strcontains(module.machine.files["/etc/darkroom/worker.env"], "DARKROOM_MODELS_URL")
    )
    error_message = "Weights of EFS are mounted read-only and nothing is fetched."
  }
}

run "weights_in_the_machine_image" {
  module { source = "./modules/worker_pool" }

  variables {
    ami_id  = "ami-0fedcba9876543210"
    weights = { source = "ami", ami_folder = "/opt/darkroom/models" }
  }

  assert {
    condition     = module.machine.image_id == "ami-0fedcba9876543210"
    error_message = "A pinned image is the one that is launched."
  }

  assert {
    condition     = strcontains(module.machine.files["/etc/systemd/system/darkroom-worker.service"], "--volume /opt/darkroom/models:/models:ro")
    error_message = "Weights of the machine image are read where they are."
  }
}

run "closed_machine" {
  module { source = "./modules/worker_pool" }

  assert {
    condition = (
      module.machine.metadata_options.http_tokens == "required" &&
      module.machine.metadata_options.http_endpoint == "enabled" &&
      module.machine.metadata_options.http_put_response_hop_limit == 2
    )
    error_message = "Metadata by IMDSv2 only, and one hop further for containers."
  }

  assert {
    condition     = module.machine.disk.encrypted == "true" && module.machine.disk.volume_size == 200
    error_message = "The disk is encrypted and has the preset's size."
  }
}

run "warm_with_spot_is_refused" {
  command = plan
  module { source = "./modules/worker_pool" }

  variables {
    limits = { max = 3, warm = 1, spot_percent = 10 }
  }

  expect_failures = [var.limits]
}

run "warm_with_two_types_is_refused" {
  command = plan
  module { source = "./modules/worker_pool" }

  variables {
    limits = { max = 3, warm = 1 }
    preset = {
      image          = "t4"
      instance_types = ["g4dn.xlarge", "g4dn.2xlarge"]
      gpus           = true
      ami_parameter  = "/aws/service/x"
      install_docker = false
      disk_gib       = 150
      disk_mbps      = 250
      models_folder  = "/opt/dlami/nvme/models"
      must_mount     = true
      boot_seconds   = 900
    }
  }

  expect_failures = [var.limits]
}

run "latest_is_refused" {
  command = plan
  module { source = "./modules/worker_pool" }

  variables {
    image = "registry.example.com/darkroom/a100:latest"
  }

  expect_failures = [var.image]
}

run "weights_of_an_unknown_image_are_refused" {
  command = plan
  module { source = "./modules/worker_pool" }

  variables {
    weights = { source = "ami", ami_folder = "/opt/darkroom/models" }
  }

  expect_failures = [var.weights]
}
