# What a pool changes reaches its machines, and only them.

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

run "presets" {
  assert {
    condition     = { for profile, pool in local.pools : profile => pool.preset.instance_types[0] } == { cpu = "c7i.2xlarge", t4 = "g4dn.xlarge", a100 = "p4de.24xlarge" }
    error_message = "Each profile has the machine that it was made for."
  }

  assert {
    condition     = module.pools["a100"].machine.image_id == "ami-0123456789abcdef0"
    error_message = "The image is what the public parameter says."
  }

  assert {
    condition     = alltrue([for preset in local.presets : !preset.gpus || preset.disk_gib >= 75])
    error_message = "Amazon's GPU image needs 75 GiB for itself."
  }

  assert {
    condition     = alltrue([for preset in local.presets : preset.disk_mbps <= 3000 * 0.25])
    error_message = "EC2 refuses a gp3 disk with more than a quarter of a MB/s for each of its 3,000 operations."
  }

  assert {
    condition     = toset(keys(local.profiles)) == toset(["cpu", "t4", "a100", "jobs"])
    error_message = "worker_profiles/pools.json has the profiles that run here."
  }

  assert {
    condition     = alltrue([for profile in ["cpu", "t4", "a100"] : local.profiles[profile].gpu == local.presets[profile].gpus])
    error_message = "A profile that needs a GPU has a preset with one."
  }
}

run "slots_of_a_machine" {
  assert {
    condition     = contains(split("\n", module.gateway.machine.files["/etc/darkroom/jobs.env"]), "DARKROOM_SCALING_SLOTS=a100=8,cpu=8,t4=8")
    error_message = "A process for each core, eight clicks in a batch, a worker for each of eight GPUs."
  }
}

run "slots_of_other_machines" {
  variables {
    generation_engine = "opencv"
    pools = {
      cpu  = { max = 2, instance_types = ["c7i.large"], slots = 2 }
      t4   = { max = 1, machine = "cpu" }
      a100 = { max = 1, machine = "cpu" }
    }
  }

  assert {
    condition     = contains(split("\n", module.gateway.machine.files["/etc/darkroom/jobs.env"]), "DARKROOM_SCALING_SLOTS=a100=1,cpu=2,t4=8")
    error_message = "A pool's own number goes first; an A100's worker on another machine is one, and does one job at once."
  }
}

run "changes_of_a_pool" {
  variables {
    pools = {
      cpu  = { max = 2 }
      t4   = { max = 1, instance_types = ["g4dn.2xlarge"], disk_gib = 222, ami_id = "ami-0fedcba9876543210", zones = ["us-east-1b"] }
      a100 = { max = 1 }
    }
  }

  assert {
    condition     = module.pools["t4"].machine.disk.volume_size == 222 && module.pools["t4"].machine.image_id == "ami-0fedcba9876543210"
    error_message = "Disk and image are the pool's own."
  }

  assert {
    condition     = local.pools["t4"].preset.instance_types == tolist(["g4dn.2xlarge"]) && local.pools["t4"].zones == tolist(["us-east-1b"])
    error_message = "So are instance types and zones."
  }

  assert {
    condition     = module.pools["a100"].machine.disk.volume_size == 200
    error_message = "Other pools keep theirs."
  }
}

run "weights_in_efs" {
  variables {
    weights = "efs"
  }

  assert {
    condition     = output.weights_file_system != null && strcontains(module.pools["a100"].machine.files["/usr/local/sbin/darkroom-prepare"], "${output.weights_file_system}:/a100 /mnt/weights")
    error_message = "Pools with models mount the file system."
  }

  assert {
    condition     = !strcontains(module.pools["a100"].machine.policy, "Weights") && !strcontains(module.pools["cpu"].machine.files["/usr/local/sbin/darkroom-prepare"], "efs")
    error_message = "Nobody reads the bucket then, and the cpu pool mounts nothing."
  }
}

run "another_registry" {
  variables {
    image_registry = "registry.example.com:5000/team/darkroom"
  }

  assert {
    condition     = output.images["t4"] == "registry.example.com:5000/team/darkroom/t4:1.4.0"
    error_message = "Images come from there."
  }

  assert {
    condition     = alltrue([for profile, pool in module.pools : !strcontains(pool.machine.policy, "ecr:")])
    error_message = "And nobody may ask ECR."
  }
}

run "settings_reach_everybody" {
  variables {
    settings = { DARKROOM_JOB_RETENTION_SECONDS = "43200" }
  }

  assert {
    condition = alltrue([
      for file in [module.gateway.machine.files["/etc/darkroom/gateway.env"], module.gateway.machine.files["/etc/darkroom/jobs.env"], module.pools["t4"].machine.files["/etc/darkroom/worker.env"]] :
      contains(split("\n", file), "DARKROOM_JOB_RETENTION_SECONDS=43200") && contains(split("\n", file), "GENERATION_ENGINE=qwen") && contains(split("\n", file), "DARKROOM_IMAGE_RETENTION_SECONDS=604800")
    ])
    error_message = "Processes have to agree: gateway, jobs worker and pools have the same settings."
  }
}

run "no_password_in_user_data" {
  assert {
    condition = alltrue([
      for machine in concat([module.gateway.machine], [for pool in module.pools : pool.machine]) :
      !strcontains(machine.user_data, "0123456789abcdef0123456789abcdef") && length(base64encode(machine.user_data)) < 21848
    ])
    error_message = "User data hold no password, and fit."
  }
}
