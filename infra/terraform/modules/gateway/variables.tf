variable "deployment" {
  type        = string
  description = "Name of the deployment."

  validation {
    condition     = can(regex("^[a-z](-?[a-z0-9])+$", var.deployment)) && length(var.deployment) <= 21
    error_message = "A deployment's name has 2 to 21 lower-case letters, digits and single hyphens, begins with a letter and ends with none of the hyphens."
  }
}

variable "machines" {
  type = object({
    count         = number
    instance_type = string
    disk_gib      = number
    ami_parameter = string
    ami_id        = optional(string)
  })
  description = "The machines that are always on."

  validation {
    condition     = var.machines.count >= 1 && var.machines.count <= 10
    error_message = "There are 1 to 10 gateway machines; with one, a replacement is an outage of some minutes."
  }
}

variable "idle_timeout_seconds" {
  type        = number
  description = "After so long without a byte the balancer closes a connection. A synchronous edit is silent for up to 120 s; event streams send a line every 15 s."

  validation {
    condition     = var.idle_timeout_seconds >= 130 && var.idle_timeout_seconds <= 4000
    error_message = "idle_timeout_seconds is 130 to 4000: POST /api/generate may be silent for 120 s."
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

variable "flower_login" {
  type = object({
    issuer                 = string
    authorization_endpoint = string
    token_endpoint         = string
    user_info_endpoint     = string
    client_id              = string
  })
  default     = null
  description = "OpenID Connect provider that the balancer asks before it shows Flower; null shows it to nobody outside."

  validation {
    condition = var.flower_login == null ? true : alltrue([
      for url in [var.flower_login.issuer, var.flower_login.authorization_endpoint, var.flower_login.token_endpoint, var.flower_login.user_info_endpoint] :
      startswith(url, "https://")
    ])
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

variable "vpc_id" {
  type        = string
  description = "The VPC."
}

variable "vpc_cidr" {
  type        = string
  description = "Addresses of the VPC: whose X-Forwarded-For the gateway believes."
}

variable "public_subnet_ids" {
  type        = list(string)
  description = "Subnets of the balancer."

  validation {
    condition     = length(var.public_subnet_ids) >= 2
    error_message = "A load balancer needs subnets in two zones."
  }
}

variable "private_subnet_ids" {
  type        = list(string)
  description = "Subnets of the machines."

  validation {
    condition     = length(var.private_subnet_ids) > 0
    error_message = "The gateway's machines need a subnet."
  }
}

variable "security_group_ids" {
  type        = object({ balancer = string, gateway = string })
  description = "Security groups of balancer and machines."
}

variable "image" {
  type        = string
  description = "Container image with its tag."

  validation {
    condition     = can(regex(":[\\w][\\w.-]{0,127}$", var.image)) && !endswith(var.image, ":latest")
    error_message = "The image has a tag of its own, such as registry/darkroom/gateway:1.4.0."
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
  description = "Settings that all processes share, none of them secret."
}

variable "cors_origins" {
  type        = list(string)
  description = "Pages that may call from a browser."
}

variable "scaling_groups" {
  type        = map(string)
  description = "Autoscaling groups by profile, for the jobs worker."

  validation {
    condition     = length(var.scaling_groups) > 0
    error_message = "Without a pool there is nobody to work for the gateway."
  }
}

variable "scaling_slots" {
  type        = map(number)
  description = "Jobs at once on one machine by profile, for the jobs worker."

  validation {
    condition     = keys(var.scaling_slots) == keys(var.scaling_groups) && alltrue([for slots in values(var.scaling_slots) : slots >= 1])
    error_message = "Each group's machines do at least one job at once: scaling_slots has a number for each of scaling_groups."
  }
}

variable "secrets" {
  type = object({
    broker_as_gateway = object({ arn = string, format = string })
    broker_as_worker  = object({ arn = string, format = string })
    broker_as_flower  = object({ arn = string, format = string })
    cache             = object({ arn = string, format = string })
    flower_login      = object({ arn = string, format = string })
  })
  description = "What is made at boot: addresses of the servers by user, and Flower's own login."
}

variable "drain_seconds" {
  type        = number
  description = "Longest drain of the jobs worker."
}

variable "statements" {
  type = list(object({
    Sid       = string
    Effect    = string
    Action    = list(string)
    Resource  = list(string)
    Condition = optional(map(map(list(string))))
  }))
  description = "What the jobs worker may do to the pools."
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

variable "protect" {
  type        = bool
  description = "Whether the balancer refuses to be deleted."
}

variable "tags" {
  type        = map(string)
  description = "Tags of machines."
}
