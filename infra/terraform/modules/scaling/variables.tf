variable "deployment" {
  type        = string
  description = "Name of the deployment, and CloudWatch's dimension `Deployment`."

  validation {
    condition     = can(regex("^[a-z](-?[a-z0-9])+$", var.deployment)) && length(var.deployment) <= 21
    error_message = "A deployment's name has 2 to 21 lower-case letters, digits and single hyphens, begins with a letter and ends with none of the hyphens."
  }
}

variable "pools" {
  type = map(object({
    group_name        = string
    group_arn_pattern = string
    boot_seconds      = number
  }))
  description = "Autoscaling groups by profile, which is CloudWatch's dimension `Pool`."

  validation {
    condition     = length(var.pools) > 0
    error_message = "There is at least one pool."
  }
}

variable "idle_minutes" {
  type        = number
  description = "A pool that has machines and no work for so long costs money for nothing: longer than the scaler's own idle time."

  validation {
    condition     = var.idle_minutes >= 15 && var.idle_minutes <= 1440
    error_message = "idle_minutes is 15 to 1440 (CloudWatch looks back a day at most)."
  }
}

variable "balancer_dimensions" {
  type        = object({ LoadBalancer = string, TargetGroup = string })
  description = "What the balancer's metrics are found by."
}

variable "broker" {
  type        = object({ id = string, nodes = number })
  description = "Replication group of the broker, and how many nodes it has."
}

variable "emails" {
  type        = list(string)
  description = "Who is told of alarms."

  validation {
    condition     = alltrue([for email in var.emails : can(regex("^[^@\\s]+@[^@\\s]+$", email))])
    error_message = "An alarm goes to an address such as ops@example.com."
  }
}

variable "key_arn" {
  type        = string
  description = "KMS key of the topic."
}
