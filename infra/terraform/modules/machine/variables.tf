variable "deployment" {
  type        = string
  description = "Name of the deployment."

  validation {
    condition     = can(regex("^[a-z](-?[a-z0-9])+$", var.deployment)) && length(var.deployment) <= 21
    error_message = "A deployment's name has 2 to 21 lower-case letters, digits and single hyphens, begins with a letter and ends with none of the hyphens."
  }
}

variable "name" {
  type        = string
  description = "What kind of machine this is: gateway, or the name of a profile."

  validation {
    condition     = contains(["gateway", "cpu", "t4", "a100"], var.name)
    error_message = "A machine is a gateway, or of a profile: cpu, t4, a100."
  }
}

variable "ami" {
  type = object({
    parameter = string
    id        = optional(string)
  })
  description = "Public SSM parameter that names the image, and the image itself where it is pinned."

  validation {
    condition     = startswith(var.ami.parameter, "/aws/service/") && (var.ami.id == null || can(regex("^ami-[0-9a-f]{8,17}$", var.ami.id)))
    error_message = "An image is pinned by its id, such as ami-0123456789abcdef0; else a parameter under /aws/service/ names it."
  }
}

variable "instance_type" {
  type        = string
  description = "Instance type, where the group names no others."
}

variable "disk_gib" {
  type        = number
  description = "Encrypted root disk: the system, and container images packed and unpacked."

  validation {
    condition     = var.disk_gib >= 20 && var.disk_gib <= 2000
    error_message = "The root disk has 20 to 2000 GiB; Amazon's image for GPUs needs 75 for itself."
  }
}

variable "disk_mbps" {
  type        = number
  default     = 125
  description = "Throughput of the root disk in MB/s; unpacking a large container image waits for it."

  validation {
    condition     = var.disk_mbps >= 125 && var.disk_mbps <= 750
    error_message = "A gp3 disk does 125 to 750 MB/s with the 3,000 operations a second that its price includes: a quarter of a MB each."
  }
}

variable "security_group_id" {
  type        = string
  description = "Security group of the machine."
}

variable "containers" {
  type = map(object({
    image        = string
    command      = list(string)
    environment  = optional(map(string), {})
    secrets      = optional(map(object({ arn = string, format = string })), {})
    made         = optional(list(string), [])
    ports        = optional(list(number), [])
    gpus         = optional(bool, false)
    models       = optional(string)
    restart      = optional(string, "always")
    stop_seconds = number
  }))
  description = "What runs here. `secrets`: variables made at boot from a secret, `format` having %s in its place. `made`: variables with a random value, new at each boot. `models`: ro or rw, how it sees the weights at /models. `restart`: always, or on-failure for one that ends when it is done."

  validation {
    condition     = alltrue([for each in var.containers : each.models == null || contains(["ro", "rw"], coalesce(each.models, "ro"))])
    error_message = "A container sees the weights ro, rw or (null) not at all."
  }

  validation {
    condition     = alltrue([for each in var.containers : contains(["always", "on-failure"], each.restart)])
    error_message = "A container is restarted always or on-failure."
  }

  validation {
    condition     = alltrue(flatten([for each in var.containers : [for name, value in each.environment : !strcontains(value, "\n")]]))
    error_message = "A value of the environment is one line."
  }
}

variable "weights" {
  type = object({
    folder      = string
    must_mount  = optional(bool, false)
    file_system = optional(string)
    subfolder   = optional(string)
  })
  default     = null
  description = "Where weights are on the machine: a folder (that has to be on a mounted disk if `must_mount`), and the EFS file system mounted there if any."
}

variable "registry" {
  type = object({
    host             = string
    repository_arns  = list(string)
    has_ecr_password = bool
  })
  description = "Registry of the container images. Its password comes from the machine's role where it is ECR."
}

variable "install_docker" {
  type        = bool
  description = "Whether the image comes without Docker."
}

variable "files" {
  type        = map(object({ content = string, permissions = string }))
  default     = {}
  description = "Further files, by path."
}

variable "key_arn" {
  type        = string
  description = "KMS key of secrets, images and logs."
}

variable "log_days" {
  type        = number
  description = "Days that logs are kept."

  validation {
    condition     = contains([1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731], var.log_days)
    error_message = "CloudWatch keeps logs for 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545 or 731 days."
  }
}

variable "statements" {
  type = list(object({
    Sid       = string
    Effect    = string
    Action    = list(string)
    Resource  = list(string)
    Condition = optional(map(map(list(string))))
  }))
  description = "What this machine may do beside starting."
}

variable "tags" {
  type        = map(string)
  description = "Tags of machines and their disks; the provider's default tags do not reach what a group launches."
}
