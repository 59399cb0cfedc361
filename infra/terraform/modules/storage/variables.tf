variable "name" {
  type        = string
  description = "Name of the deployment; begins the name of everything here."

  validation {
    condition     = can(regex("^[a-z](-?[a-z0-9])+$", var.name)) && length(var.name) <= 21
    error_message = "A deployment's name has 2 to 21 lower-case letters, digits and single hyphens, begins with a letter and ends with none of the hyphens."
  }
}

variable "image_retention_days" {
  type        = number
  description = "Days that an image is kept after it was last put; the bucket's own rule comes a day later than the application's."

  validation {
    condition     = var.image_retention_days >= 2 && floor(var.image_retention_days) == var.image_retention_days
    error_message = "Images have to outlive the records of their jobs, a day: image_retention_days is a whole number from 2 on."
  }
}

variable "repositories" {
  type        = set(string)
  description = "Container images that get an ECR repository; empty where another registry holds them."

  validation {
    condition     = alltrue([for each in var.repositories : contains(["gateway", "cpu", "t4", "a100"], each)])
    error_message = "Repositories are named after the targets of infra/docker/Dockerfile: gateway, cpu, t4, a100."
  }
}

variable "secrets" {
  type        = map(string)
  description = "Secrets by name, with what they are. Values are set outside of Terraform."

  validation {
    condition     = length(var.secrets) > 0
    error_message = "Without secrets no process could log in to Valkey."
  }
}

variable "protect" {
  type        = bool
  description = "Whether data outlive a `terraform destroy`: buckets and repositories with something in them are kept, keys and secrets can be restored for 30 days."
}
