locals {
  tags = merge(var.tags, { Application = "darkroom", Deployment = var.deployment })

  # One source for what a worker needs: worker_profiles/.
  profiles = jsondecode(file("${path.module}/../../worker_profiles/pools.json"))

  pools = {
    for profile, pool in var.pools : profile => {
      preset = merge(local.presets[coalesce(pool.machine, profile)], {
        for key, value in { instance_types = pool.instance_types, disk_gib = pool.disk_gib } : key => value if value != null
      })
      # The engine with a model is what needs weights, and a machine without a GPU has none.
      has_weights = (
        (profile == "a100" && var.generation_engine == "qwen") || (profile == "t4" && var.segmentation_engine == "fastsam")
      )
      zones = coalesce(pool.zones, var.zones)
    }
  }

  # Jobs at once on one machine: its workers, which are one for each GPU where the profile wants any, by the jobs of a
  # worker, which are the profile's or one for each core. What live workers tell goes before it (tasks/scaler.py).
  slots = {
    for profile, pool in local.pools : profile => coalesce(
      var.pools[profile].slots,
      (local.profiles[profile].gpu ? pool.preset.workers : 1) * coalesce(local.profiles[profile].concurrency, pool.preset.cores),
    )
  }

  has_own_registry = var.image_registry != null
  targets          = toset(concat(["gateway"], [for pool in local.pools : pool.preset.image]))
  images = {
    for target in local.targets : target =>
    "${local.has_own_registry ? "${var.image_registry}/${target}" : module.storage.repositories[target].url}:${var.image_tag}"
  }
  registries = {
    for target in local.targets : target => {
      host             = split("/", local.images[target])[0]
      repository_arns  = local.has_own_registry ? [] : [module.storage.repositories[target].arn]
      has_ecr_password = !local.has_own_registry
    }
  }

  secrets = {
    gateway      = "Password of Valkey's user gateway"
    worker       = "Password of Valkey's user worker"
    flower       = "Password of Valkey's user flower"
    images       = "Password of the image cache's user images"
    flower-login = "Login of Flower's pages, as user:password"
  }
  # What a machine makes at boot: an address with the password in place of %s.
  addresses = {
    for user in ["gateway", "worker", "flower", "images"] : user => {
      arn    = module.storage.secret_arns[user]
      format = module.cache.addresses[user]
    }
  }

  environment = merge(var.settings, {
    IMAGE_STORE_URL                  = "s3://${module.storage.buckets["images"].name}"
    GENERATION_ENGINE                = var.generation_engine
    SEGMENTATION_ENGINE              = var.segmentation_engine
    DARKROOM_IMAGE_RETENTION_SECONDS = tostring(var.image_retention_days * 86400)
    DARKROOM_LOG_FORMAT              = "json"
  })

  weights = {
    for profile, pool in local.pools : profile => pool.has_weights ? {
      source      = var.weights
      url         = var.weights == "s3" ? "s3://${module.storage.buckets["models"].name}/${profile}" : null
      bucket_arn  = var.weights == "s3" ? module.storage.buckets["models"].arn : null
      file_system = var.weights == "efs" ? module.weights[0].file_system_id : null
      ami_folder  = var.weights == "ami" ? var.weights_ami_folder : null
    } : null
  }
}

module "network" {
  source = "./modules/network"

  name              = var.deployment
  cidr              = var.cidr
  zones             = var.zones
  nat               = var.nat
  private_endpoints = var.private_endpoints
  allowed_cidrs     = var.allowed_cidrs
}

module "storage" {
  source = "./modules/storage"

  name                 = var.deployment
  image_retention_days = var.image_retention_days
  repositories         = local.has_own_registry ? [] : local.targets
  secrets              = local.secrets
  protect              = var.protect
}

module "cache" {
  source = "./modules/cache"

  name              = var.deployment
  servers           = { broker = var.valkey.broker, cache = var.valkey.cache }
  engine            = { version = var.valkey.version, family = var.valkey.family }
  first_password    = var.first_password
  subnet_ids        = values(module.network.data_subnet_ids)
  security_group_id = module.network.security_group_ids["data"]
  key_arn           = module.storage.key_arn
  snapshot_days     = var.valkey.snapshot_days
  protect           = var.protect
}

module "weights" {
  source = "./modules/weights"
  count  = var.weights == "efs" ? 1 : 0

  name              = var.deployment
  subnet_ids        = module.network.data_subnet_ids
  security_group_id = module.network.security_group_ids["data"]
  key_arn           = module.storage.key_arn
}

module "pools" {
  source   = "./modules/worker_pool"
  for_each = local.pools

  deployment        = var.deployment
  profile           = each.key
  preset            = each.value.preset
  limits            = var.pools[each.key]
  ami_id            = var.pools[each.key].ami_id
  drain_seconds     = local.profiles[each.key].drain_seconds
  subnet_ids        = [for zone in each.value.zones : module.network.private_subnet_ids[zone]]
  security_group_id = module.network.security_group_ids["worker"]
  image             = local.images[each.value.preset.image]
  registry          = local.registries[each.value.preset.image]
  environment       = local.environment
  secrets           = { REDIS_URL = local.addresses["worker"], IMAGE_CACHE_URL = local.addresses["images"] }
  weights           = local.weights[each.key]
  images_bucket_arn = module.storage.buckets["images"].arn
  key_arn           = module.storage.key_arn
  log_days          = var.log_days
  tags              = local.tags
}

module "scaling" {
  source = "./modules/scaling"

  deployment = var.deployment
  pools = {
    for profile, pool in module.pools : profile => {
      group_name        = pool.group_name
      group_arn_pattern = pool.group_arn_pattern
      boot_seconds      = pool.boot_seconds
    }
  }
  idle_minutes        = var.idle_alarm_minutes
  balancer_dimensions = module.gateway.metric_dimensions
  broker              = { id = module.cache.server_ids["broker"], nodes = 1 + var.valkey.broker.replicas }
  emails              = var.alarm_emails
  key_arn             = module.storage.key_arn
}

module "gateway" {
  source = "./modules/gateway"

  deployment           = var.deployment
  machines             = merge(var.gateway, { ami_parameter = local.amis.plain })
  idle_timeout_seconds = var.gateway.idle_timeout
  certificate_arn      = var.certificate_arn
  flower_login         = var.flower_login
  flower_client_secret = var.flower_client_secret
  vpc_id               = module.network.vpc_id
  vpc_cidr             = var.cidr
  public_subnet_ids    = values(module.network.public_subnet_ids)
  private_subnet_ids   = values(module.network.private_subnet_ids)
  security_group_ids   = module.network.security_group_ids
  image                = local.images["gateway"]
  registry             = local.registries["gateway"]
  environment          = local.environment
  cors_origins         = var.cors_origins
  scaling_groups       = { for profile, pool in module.pools : profile => pool.group_name }
  scaling_slots        = local.slots
  drain_seconds        = local.profiles["jobs"].drain_seconds
  statements           = module.scaling.statements
  images_bucket_arn    = module.storage.buckets["images"].arn
  key_arn              = module.storage.key_arn
  log_days             = var.log_days
  protect              = var.protect
  tags                 = local.tags

  secrets = {
    broker_as_gateway = local.addresses["gateway"]
    broker_as_worker  = local.addresses["worker"]
    broker_as_flower  = local.addresses["flower"]
    cache             = local.addresses["images"]
    flower_login      = { arn = module.storage.secret_arns["flower-login"], format = "%s" }
  }
}
