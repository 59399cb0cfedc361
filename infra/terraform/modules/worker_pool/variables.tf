variable "deployment" {
  type        = string
  description = "Name of the deployment."

  validation {
    condition     = can(regex("^[a-z](-?[a-z0-9])+$", var.deployment)) && length(var.deployment) <= 21
    error_message = "A deployment's name has 2 to 21 lower-case letters, digits and single hyphens, begins with a letter and ends with none of the hyphens."
  }
}

variable "profile" {
  type        = string
  description = "The worker profile that machines of this pool run: cpu, t4 or a100."

  validation {
    condition     = contains(["cpu", "t4", "a100"], var.profile)
    error_message = "A pool runs one of the profiles cpu, t4 and a100; the jobs worker runs on the gateway's machines."
  }
}

variable "preset" {
  type = object({
    image          = string
    instance_types = list(string)
    gpus           = bool
    ami_parameter  = string
    install_docker = bool
    disk_gib       = number
    disk_mbps      = number
    models_folder  = string
    must_mount     = bool
    boot_seconds   = number
  })
  description = "The kind of machine (presets.tf of the root module)."

  validation {
    condition     = var.preset.boot_seconds >= 60 && var.preset.boot_seconds <= 7200
    error_message = "boot_seconds, the launch hook's time until the first heartbeat, is 60 to 7200."
  }
}

variable "limits" {
  type = object({
    max            = number
    spot_percent   = optional(number, 0)
    on_demand_base = optional(number, 0)
    warm           = optional(number, 0)
  })
  description = "How many machines, how many of them Spot (beyond the on-demand base), and how many stopped ones wait in a warm pool."

  validation {
    condition     = var.limits.max >= 1 && var.limits.max <= 200
    error_message = "A pool has at most 1 to 200 machines; leave a pool out that should have none."
  }

  validation {
    condition     = var.limits.spot_percent >= 0 && var.limits.spot_percent <= 100
    error_message = "spot_percent is a share from 0 (on-demand only) to 100."
  }

  validation {
    condition     = var.limits.warm >= 0 && var.limits.warm <= var.limits.max
    error_message = "A warm pool holds 0 to max machines."
  }

  validation {
    condition     = var.limits.warm == 0 || (var.limits.spot_percent == 0 && length(var.preset.instance_types) == 1)
    error_message = "A warm pool needs one instance type and no Spot: EC2 Auto Scaling has none for groups with a mixed instances policy. Set spot_percent = 0 and a single instance type, or warm = 0."
  }
}

variable "ami_id" {
  type        = string
  default     = null
  description = "Machine image, pinned; null takes the newest that AWS publishes for the preset."
}

variable "drain_seconds" {
  type        = number
  description = "Longest time in which a worker ends or gives back its work."

  validation {
    condition     = var.drain_seconds >= 1 && var.drain_seconds <= 900
    error_message = "A drain takes 1 to 900 seconds; Spot gives two minutes."
  }
}

variable "subnet_ids" {
  type        = list(string)
  description = "Private subnets, in zones that have the instance type."

  validation {
    condition     = length(var.subnet_ids) > 0
    error_message = "A pool needs a subnet."
  }
}

variable "security_group_id" {
  type        = string
  description = "Security group of workers."
}

variable "image" {
  type        = string
  description = "Container image with its tag."

  validation {
    condition     = can(regex("^[^\\s:]+(:[0-9]+)?(/[^\\s:]+)*:[\\w][\\w.-]{0,127}$", var.image)) && !endswith(var.image, ":latest")
    error_message = "The image has a tag of its own, such as registry/darkroom/cpu:1.4.0; latest would be another image on each machine."
  }
}

variable "registry" {
  type = object({
    host             = string
    repository_arns  = list(string)
    has_ecr_password = bool
  })
  description = "Registry of the image."
}

variable "environment" {
  type        = map(string)
  description = "Settings of the worker, none of them secret."
}

variable "secrets" {
  type        = map(object({ arn = string, format = string }))
  description = "Settings that are made from secrets at boot."
}

variable "weights" {
  type = object({
    source      = string
    url         = optional(string)
    bucket_arn  = optional(string)
    file_system = optional(string)
    ami_folder  = optional(string)
  })
  default     = null
  description = "Where this pool's weights come from: s3 (url, bucket_arn), efs (file_system) or ami (ami_folder); null where it needs none."

  validation {
    condition = var.weights == null ? true : (
      (var.weights.source == "s3" && var.weights.url != null && var.weights.bucket_arn != null) ||
      (var.weights.source == "efs" && var.weights.file_system != null) ||
      (var.weights.source == "ami" && var.weights.ami_folder != null)
    )
    error_message = "Weights come from s3 (with url and bucket_arn), from efs (with file_system) or with the machine image (ami, with ami_folder)."
  }

  validation {
    condition     = var.weights == null ? true : var.weights.source != "ami" || var.ami_id != null
    error_message = "Weights in the machine image need that image: set the pool's ami_id."
  }
}

variable "images_bucket_arn" {
  type        = string
  description = "Bucket of images."
}

variable "key_arn" {
  type        = string
  description = "KMS key of data at rest."
}

variable "log_days" {
  type        = number
  description = "Days that logs are kept."
}

variable "tags" {
  type        = map(string)
  description = "Tags of machines."
}
