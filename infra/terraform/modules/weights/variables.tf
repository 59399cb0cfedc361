variable "name" {
  type        = string
  description = "Name of the deployment."

  validation {
    condition     = can(regex("^[a-z](-?[a-z0-9])+$", var.name)) && length(var.name) <= 21
    error_message = "A deployment's name has 2 to 21 lower-case letters, digits and single hyphens, begins with a letter and ends with none of the hyphens."
  }
}

variable "subnet_ids" {
  type        = map(string)
  description = "A subnet for each zone's mount target."

  validation {
    condition     = length(var.subnet_ids) > 0
    error_message = "EFS needs a mount target in each zone that has machines."
  }
}

variable "security_group_id" {
  type        = string
  description = "Security group of the mount targets."
}

variable "key_arn" {
  type        = string
  description = "KMS key of the file system."
}
