variable "deployment" {
  type        = string
  default     = "darkroom"
  description = "Name of the deployment; begins the name of everything in it."

  validation {
    condition     = can(regex("^[a-z](-?[a-z0-9])+$", var.deployment)) && length(var.deployment) <= 21
    error_message = "A deployment's name has 2 to 21 lower-case letters, digits and single hyphens, begins with a letter and ends with none of the hyphens."
  }
}

variable "region" {
  type        = string
  default     = "us-east-1"
  description = "AWS region."

  validation {
    condition     = can(regex("^[a-z]{2}(-[a-z]+)+-[0-9]$", var.region))
    error_message = "A region reads like us-east-1."
  }
}

variable "zones" {
  type        = list(string)
  description = "Two to four availability zones of the region; a pool may use fewer."

  validation {
    condition     = length(var.zones) >= 2 && length(var.zones) <= 4 && length(distinct(var.zones)) == length(var.zones)
    error_message = "Name two to four different availability zones: the load balancer does not work in one."
  }

  validation {
    condition     = alltrue([for zone in var.zones : startswith(zone, var.region)])
    error_message = "The zones are not in the region: they begin with its name, such as us-east-1a in us-east-1."
  }
}

variable "cidr" {
  type        = string
  default     = "10.42.0.0/16"
  description = "Addresses of the VPC, /16 to /19."

  validation {
    condition     = can(cidrsubnet(var.cidr, 8, 0))
    error_message = "The VPC needs an IPv4 block of /16 to /19, such as 10.42.0.0/16."
  }
}

variable "nat" {
  type        = string
  default     = "one"
  description = "Ways out to the internet: `none`, `one` for all zones, or `per_zone`. Webhooks need one."

  validation {
    condition     = contains(["none", "one", "per_zone"], var.nat)
    error_message = "nat is none, one or per_zone."
  }
}

variable "private_endpoints" {
  type        = bool
  default     = false
  description = "Reach the services of AWS by interface endpoints. S3 always has a gateway endpoint."
}

variable "allowed_cidrs" {
  type        = list(string)
  default     = ["0.0.0.0/0"]
  description = "Who may reach the load balancer; every request needs an API key all the same."

  validation {
    condition     = length(var.allowed_cidrs) > 0 && alltrue([for cidr in var.allowed_cidrs : can(cidrhost(cidr, 0))])
    error_message = "allowed_cidrs names at least one IPv4 block, such as 203.0.113.0/24; 0.0.0.0/0 is everybody."
  }
}

variable "domain" {
  type        = string
  description = "Name under which clients reach the gateway; you point it to the output `balancer`."

  validation {
    condition     = can(regex("^([a-z0-9-]+\\.)+[a-z]{2,}$", var.domain))
    error_message = "The domain is a name such as darkroom.example.com, without https://."
  }
}

variable "certificate_arn" {
  type        = string
  description = "Certificate of the domain, in ACM of the same region."

  validation {
    condition     = can(regex("^arn:aws[a-z-]*:acm:[a-z0-9-]+:[0-9]{12}:certificate/", var.certificate_arn))
    error_message = "HTTPS needs a certificate: certificate_arn is an ARN of ACM, such as arn:aws:acm:us-east-1:123456789012:certificate/…."
  }
}

variable "image_tag" {
  type        = string
  description = "Tag of the container images; each release has its own."

  validation {
    condition     = can(regex("^[\\w][\\w.-]{0,127}$", var.image_tag)) && var.image_tag != "latest"
    error_message = "image_tag is a tag of its own for each release, such as 1.4.0 or a commit; latest would be another image on each machine."
  }
}

variable "image_registry" {
  type        = string
  default     = null
  description = "Where images are, as in registry.example.com/darkroom, if not in this account's ECR. It has to let machines pull without a password."

  validation {
    condition     = var.image_registry == null ? true : can(regex("^[a-z0-9.:-]+(/[a-z0-9._-]+)*$", var.image_registry))
    error_message = "image_registry is what stands before /gateway:TAG, such as registry.example.com/darkroom, without https://."
  }
}

variable "pools" {
  type = map(object({
    max            = number
    machine        = optional(string)
    spot_percent   = optional(number, 0)
    on_demand_base = optional(number, 0)
    warm           = optional(number, 0)
    instance_types = optional(list(string))
    disk_gib       = optional(number)
    ami_id         = optional(string)
    zones          = optional(list(string))
    slots          = optional(number)
  }))
  description = "Worker pools by profile: the most machines each may have, and what differs from its preset."

  validation {
    condition     = length(setsubtract(keys(var.pools), ["cpu", "t4", "a100"])) == 0
    error_message = "Pools are named after profiles: cpu, t4, a100. The jobs worker runs on the gateway's machines."
  }

  validation {
    condition     = contains(keys(var.pools), "cpu")
    error_message = "There has to be a cpu pool: every job begins there."
  }

  validation {
    condition     = alltrue([for profile, pool in var.pools : contains(keys(local.presets), coalesce(pool.machine, profile))])
    error_message = "A pool's machine is one of the presets cpu, t4 and a100."
  }

  validation {
    condition     = alltrue([for pool in var.pools : pool.max >= 1 && pool.max <= 200])
    error_message = "A pool has at most 1 to 200 machines; leave a pool out that should have none."
  }

  validation {
    condition     = alltrue([for pool in var.pools : alltrue([for zone in coalesce(pool.zones, []) : contains(var.zones, zone)])])
    error_message = "A pool's zones are some of the deployment's zones."
  }

  validation {
    condition     = alltrue([for pool in var.pools : pool.disk_gib == null || coalesce(pool.disk_gib, 0) >= 20])
    error_message = "A root disk has at least 20 GiB; with a GPU image 75."
  }

  validation {
    condition     = alltrue([for pool in var.pools : pool.slots == null || coalesce(pool.slots, 0) >= 1])
    error_message = "A machine of a pool does at least one job at once: slots is 1 or more."
  }
}

variable "gateway" {
  type = object({
    count         = optional(number, 2)
    instance_type = optional(string, "m7i.large")
    disk_gib      = optional(number, 30)
    ami_id        = optional(string)
    idle_timeout  = optional(number, 180)
  })
  default     = {}
  description = "The machines that are always on, and the balancer's idle timeout in seconds."

  validation {
    condition     = var.gateway.count >= 1 && var.gateway.count <= 10
    error_message = "There are 1 to 10 gateway machines; with one, a replacement is an outage of some minutes."
  }

  validation {
    condition     = var.gateway.idle_timeout >= 130 && var.gateway.idle_timeout <= 4000
    error_message = "gateway.idle_timeout is 130 to 4000 seconds: POST /api/generate may be silent for 120."
  }
}

variable "valkey" {
  type = object({
    version       = optional(string, "8.2")
    family        = optional(string, "valkey8")
    broker        = optional(object({ node_type = optional(string, "cache.m7g.large"), replicas = optional(number, 1) }), {})
    cache         = optional(object({ node_type = optional(string, "cache.r7g.large"), replicas = optional(number, 0) }), {})
    snapshot_days = optional(number, 7)
  })
  default     = {}
  description = "Version and sizes of the two Valkeys. A broker without a replica loses accepted jobs when its node dies."

  validation {
    condition     = var.valkey.broker.replicas >= 0 && var.valkey.broker.replicas <= 5 && var.valkey.cache.replicas >= 0 && var.valkey.cache.replicas <= 5
    error_message = "A server has 0 to 5 replicas."
  }
}

variable "first_password" {
  type        = string
  sensitive   = true
  description = "Password that new users of Valkey have until theirs is set (docs/deploy.md). It stays in the state and opens nothing after that."

  validation {
    condition     = can(regex("^[A-Za-z0-9]{32,128}$", var.first_password))
    error_message = "The first password has 32 to 128 letters and digits: export TF_VAR_first_password=$(openssl rand -hex 32)."
  }
}

variable "generation_engine" {
  type        = string
  default     = "qwen"
  description = "What computes edits: `qwen`, or `opencv`, which needs no GPU and no weights."

  validation {
    condition     = contains(["opencv", "qwen"], var.generation_engine)
    error_message = "generation_engine is opencv or qwen."
  }

  validation {
    condition     = var.generation_engine != "qwen" || try(coalesce(var.pools["a100"].machine, "a100"), "a100") == "a100"
    error_message = "The qwen engine needs GPUs with 80 GB: give the a100 pool the machine a100, or set generation_engine = \"opencv\"."
  }
}

variable "segmentation_engine" {
  type        = string
  default     = "fastsam"
  description = "What computes smart masks: `fastsam`, or `opencv`, which needs no weights."

  validation {
    condition     = contains(["opencv", "fastsam"], var.segmentation_engine)
    error_message = "segmentation_engine is opencv or fastsam."
  }
}

variable "weights" {
  type        = string
  default     = "s3"
  description = "Where weights come from: `s3` (copied to the machine's NVMe disks at boot), `efs`, or `ami`."

  validation {
    condition     = contains(["s3", "efs", "ami"], var.weights)
    error_message = "weights is s3, efs or ami."
  }

  validation {
    condition     = var.weights != "ami" || alltrue([for profile in ["t4", "a100"] : try(var.pools[profile].ami_id, "none") != null])
    error_message = "Weights in machine images need those images: set ami_id of the t4 and a100 pools."
  }
}

variable "weights_ami_folder" {
  type        = string
  default     = "/opt/darkroom/models"
  description = "Where the machine image has the weights, with weights = ami."

  validation {
    condition     = startswith(var.weights_ami_folder, "/")
    error_message = "weights_ami_folder is an absolute path."
  }
}

variable "settings" {
  type        = map(string)
  default     = {}
  description = "Further settings of all processes (docs/reference/settings.md). They stand in user data: no passwords."

  validation {
    condition = length(setintersection(keys(var.settings), [
      "REDIS_URL", "IMAGE_CACHE_URL", "IMAGE_STORE_URL", "GENERATION_ENGINE", "SEGMENTATION_ENGINE", "DARKROOM_MODELS_FOLDER",
      "DARKROOM_MODELS_URL", "DARKROOM_ACCESS", "DARKROOM_MACHINE_GROUP", "DARKROOM_SCALING_GROUPS", "DARKROOM_SCALING_SLOTS", "DARKROOM_DEPLOYMENT",
      "DARKROOM_IMAGE_RETENTION_SECONDS", "FLOWER_BASIC_AUTH", "FLOWER_COOKIE_SECRET",
    ])) == 0
    error_message = "settings may not name what this configuration sets itself: addresses, engines, folders, access, groups, retention."
  }

  validation {
    condition     = alltrue([for name in keys(var.settings) : !can(regex("PASSWORD|SECRET|TOKEN|_KEY$", name))])
    error_message = "settings stand in user data, which every process on a machine can read: no passwords, secrets, tokens or keys."
  }
}

variable "cors_origins" {
  type        = list(string)
  default     = []
  description = "Pages that may call the gateway from a browser."

  validation {
    condition     = alltrue([for origin in var.cors_origins : can(regex("^https?://[^/]+$", origin))])
    error_message = "An origin reads like https://app.example.com, without a path."
  }
}

variable "image_retention_days" {
  type        = number
  default     = 7
  description = "Days that an image is kept after it was last put."

  validation {
    condition     = var.image_retention_days >= 2 && floor(var.image_retention_days) == var.image_retention_days
    error_message = "Images have to outlive the records of their jobs, a day: image_retention_days is a whole number from 2 on."
  }
}

variable "flower_login" {
  type = object({
    issuer                 = string
    authorization_endpoint = string
    token_endpoint         = string
    user_info_endpoint     = string
    client_id              = string
  })
  default     = null
  description = "OpenID Connect provider that the balancer asks before it shows Flower at /flower; null: by a session's port forwarding only."

  validation {
    condition     = var.flower_login == null ? true : alltrue([for key, url in var.flower_login : startswith(url, "https://") if key != "client_id"])
    error_message = "The identity provider's addresses begin with https://."
  }
}

variable "flower_client_secret" {
  type        = string
  default     = null
  sensitive   = true
  description = "Secret of the balancer at that provider; it stays in the state."

  validation {
    condition     = var.flower_login == null || var.flower_client_secret != null
    error_message = "flower_login needs flower_client_secret: export TF_VAR_flower_client_secret."
  }
}

variable "alarm_emails" {
  type        = list(string)
  default     = []
  description = "Who is told of alarms; each address confirms once."

  validation {
    condition     = alltrue([for email in var.alarm_emails : can(regex("^[^@\\s]+@[^@\\s]+$", email))])
    error_message = "An alarm goes to an address such as ops@example.com."
  }
}

variable "idle_alarm_minutes" {
  type        = number
  default     = 60
  description = "A pool with machines and without work for so long raises an alarm."

  validation {
    condition     = var.idle_alarm_minutes >= 15 && var.idle_alarm_minutes <= 1440
    error_message = "idle_alarm_minutes is 15 to 1440."
  }
}

variable "log_days" {
  type        = number
  default     = 30
  description = "Days that logs are kept in CloudWatch."

  validation {
    condition     = contains([1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731], var.log_days)
    error_message = "CloudWatch keeps logs for 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545 or 731 days."
  }
}

variable "protect" {
  type        = bool
  default     = true
  description = "Data outlive a `terraform destroy`: full buckets and repositories are kept, the broker leaves a snapshot, keys and secrets can be restored for 30 days, the balancer refuses to go."
}

variable "tags" {
  type        = map(string)
  default     = {}
  description = "Tags of everything, beside Application and Deployment."

  validation {
    condition     = alltrue([for key in keys(var.tags) : !startswith(lower(key), "aws:")])
    error_message = "Tags that begin with aws: are Amazon's own."
  }
}
