variable "name" {
  type        = string
  description = "Name of the deployment; begins the name of everything here."

  validation {
    condition     = can(regex("^[a-z](-?[a-z0-9])+$", var.name)) && length(var.name) <= 21
    error_message = "A deployment's name has 2 to 21 lower-case letters, digits and single hyphens, begins with a letter and ends with none of the hyphens."
  }
}

variable "cidr" {
  type        = string
  description = "Addresses of the VPC: a private block of /16 to /19."

  validation {
    condition     = can(cidrsubnet(var.cidr, 8, 0)) && try(tonumber(split("/", var.cidr)[1]), 0) >= 16 && try(tonumber(split("/", var.cidr)[1]), 99) <= 19
    error_message = "The VPC needs an IPv4 block of /16 to /19, such as 10.42.0.0/16: the balancer needs a /27 in each zone."
  }
}

variable "zones" {
  type        = list(string)
  description = "Availability zones; the balancer and Valkey's replicas need two."

  validation {
    condition     = length(var.zones) >= 2 && length(var.zones) <= 4 && length(distinct(var.zones)) == length(var.zones)
    error_message = "Name two to four different availability zones: the load balancer does not work in one."
  }
}

variable "nat" {
  type        = string
  description = "Ways out to the internet: none, one for all zones, or one per_zone. Webhooks need one."

  validation {
    condition     = contains(["none", "one", "per_zone"], var.nat)
    error_message = "nat is none, one or per_zone."
  }
}

variable "private_endpoints" {
  type        = bool
  description = "Whether machines reach the services of AWS by interface endpoints instead of the NAT gateway. S3 always has one, which costs nothing."
}

variable "allowed_cidrs" {
  type        = list(string)
  description = "Who may reach the load balancer."

  validation {
    condition     = length(var.allowed_cidrs) > 0 && alltrue([for cidr in var.allowed_cidrs : can(cidrhost(cidr, 0))])
    error_message = "allowed_cidrs names at least one IPv4 block, such as 203.0.113.0/24; 0.0.0.0/0 is everybody."
  }
}
