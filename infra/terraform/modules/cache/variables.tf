variable "name" {
  type        = string
  description = "Name of the deployment; begins the name of everything here."

  validation {
    condition     = can(regex("^[a-z](-?[a-z0-9])+$", var.name)) && length(var.name) <= 21
    error_message = "A deployment's name has 2 to 21 lower-case letters, digits and single hyphens, begins with a letter and ends with none of the hyphens."
  }
}

variable "servers" {
  type = map(object({
    node_type = string
    replicas  = number
  }))
  description = "Sizes of the two servers: `broker` (jobs, messages, events) and `cache` (hot images)."

  validation {
    condition     = toset(keys(var.servers)) == toset(["broker", "cache"])
    error_message = "There are two servers, broker and cache."
  }

  validation {
    condition     = alltrue([for server in var.servers : can(regex("^cache\\.", server.node_type)) && server.replicas >= 0 && server.replicas <= 5])
    error_message = "A server has a node type such as cache.t4g.small, and 0 to 5 replicas."
  }
}

variable "engine" {
  type = object({
    version = string
    family  = string
  })
  description = "Version of Valkey, and the family of its parameters. Selectors in access strings need 7.2."

  validation {
    condition     = can(regex("^(7\\.2|[89]\\.[0-9]+)$", var.engine.version)) && can(regex("^valkey[0-9]+$", var.engine.family))
    error_message = "The engine is Valkey 7.2 or newer, such as version 8.2 of family valkey8."
  }
}

variable "first_password" {
  type        = string
  sensitive   = true
  description = "Password that new users of Valkey have until theirs is set outside of Terraform (docs/deploy.md); it stays in the state."

  validation {
    condition     = can(regex("^[A-Za-z0-9]{32,128}$", var.first_password))
    error_message = "The first password has 32 to 128 letters and digits: export TF_VAR_first_password=$(openssl rand -hex 32)."
  }
}

variable "subnet_ids" {
  type        = list(string)
  description = "Subnets of the servers, without a route to the internet."

  validation {
    condition     = length(var.subnet_ids) >= 2
    error_message = "Valkey's replicas need subnets in two zones."
  }
}

variable "security_group_id" {
  type        = string
  description = "Security group of the servers."
}

variable "key_arn" {
  type        = string
  description = "KMS key that encrypts snapshots and disks."
}

variable "snapshot_days" {
  type        = number
  description = "Days that the broker's daily snapshot is kept."

  validation {
    condition     = var.snapshot_days >= 0 && var.snapshot_days <= 35
    error_message = "Snapshots are kept for 0 (none) to 35 days."
  }
}

variable "protect" {
  type        = bool
  description = "Whether the broker writes a last snapshot when it is destroyed."
}
