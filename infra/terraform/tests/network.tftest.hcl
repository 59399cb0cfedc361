# Who reaches whom.

mock_provider "aws" { source = "./tests/mocks" }

variables {
  name              = "darkroom"
  cidr              = "10.42.0.0/16"
  zones             = ["us-east-1a", "us-east-1b"]
  nat               = "one"
  private_endpoints = false
  allowed_cidrs     = ["203.0.113.0/24"]
}

run "only_the_balancer_is_reached_from_outside" {
  module { source = "./modules/network" }

  assert {
    condition     = alltrue([for rule in aws_vpc_security_group_ingress_rule.entry : rule.security_group_id == aws_security_group.this["balancer"].id && contains([80, 443], rule.from_port)])
    error_message = "Addresses stand in rules of the balancer only, for HTTP and HTTPS."
  }

  assert {
    condition     = toset([for rule in aws_vpc_security_group_ingress_rule.entry : rule.cidr_ipv4]) == toset(["203.0.113.0/24"])
    error_message = "And only those that are allowed."
  }

  assert {
    condition     = toset([for key, path in local.paths : "${path.from}>${path.to}:${path.port}"]) == toset(["balancer>gateway:8000", "balancer>gateway:5555", "gateway>data:6379", "worker>data:6379", "worker>data:2049", "gateway>endpoints:443", "worker>endpoints:443"])
    error_message = "Everything else goes from group to group."
  }

  assert {
    condition = alltrue([
      for key, path in local.paths :
      aws_vpc_security_group_ingress_rule.path[key].security_group_id == aws_security_group.this[path.to].id &&
      aws_vpc_security_group_ingress_rule.path[key].referenced_security_group_id == aws_security_group.this[path.from].id &&
      aws_vpc_security_group_egress_rule.path[key].security_group_id == aws_security_group.this[path.from].id &&
      aws_vpc_security_group_egress_rule.path[key].referenced_security_group_id == aws_security_group.this[path.to].id
    ])
    error_message = "Each path has a rule at both ends, and each rule names the other end's group."
  }

  assert {
    condition     = alltrue([for path in local.paths : path.to != "worker"])
    error_message = "Nobody connects to a worker."
  }
}

run "data_have_no_way_out" {
  module { source = "./modules/network" }

  assert {
    condition     = alltrue([for association in aws_route_table_association.data : association.route_table_id == aws_route_table.data.id])
    error_message = "Data subnets use the table without routes."
  }

  assert {
    condition     = aws_route.public.route_table_id == aws_route_table.public.id && alltrue([for route in aws_route.private : route.route_table_id != aws_route_table.data.id])
    error_message = "No default route is in that table."
  }

  assert {
    condition     = alltrue([for subnet in aws_subnet.public : subnet.map_public_ip_on_launch == false])
    error_message = "Nothing gets a public address by being there."
  }

  assert {
    condition = length(distinct(concat(
      [for subnet in aws_subnet.public : subnet.cidr_block], [for subnet in aws_subnet.private : subnet.cidr_block], [for subnet in aws_subnet.data : subnet.cidr_block]
    ))) == 6
    error_message = "Six subnets with addresses of their own."
  }
}

run "weights_do_not_pass_the_nat_gateway" {
  module { source = "./modules/network" }

  assert {
    condition     = aws_vpc_endpoint.s3.vpc_endpoint_type == "Gateway" && length(aws_vpc_endpoint.s3.route_table_ids) == 2
    error_message = "S3 is reached from every private subnet by a gateway endpoint."
  }

  assert {
    condition     = length(aws_nat_gateway.this) == 1 && length(aws_route.private) == 2
    error_message = "One NAT gateway serves both zones."
  }

  assert {
    condition     = length(aws_vpc_endpoint.interface) == 0
    error_message = "Interface endpoints cost by the hour: none unless asked for."
  }
}

run "without_nat" {
  module { source = "./modules/network" }

  variables {
    nat               = "none"
    private_endpoints = true
  }

  assert {
    condition     = length(aws_nat_gateway.this) == 0 && length(aws_route.private) == 0
    error_message = "No way out at all."
  }

  assert {
    condition     = toset(keys(aws_vpc_endpoint.interface)) == toset(["autoscaling", "ecr.api", "ecr.dkr", "logs", "monitoring", "secretsmanager", "ssm", "ssmmessages"])
    error_message = "Every service that a machine calls has an endpoint."
  }

  assert {
    condition     = alltrue([for endpoint in aws_vpc_endpoint.interface : endpoint.private_dns_enabled && endpoint.security_group_ids == toset([aws_security_group.this["endpoints"].id])])
    error_message = "They answer under the services' own names, to the machines."
  }
}

run "without_nat_and_endpoints_is_refused" {
  command = plan
  module { source = "./modules/network" }

  variables {
    nat = "none"
  }

  expect_failures = [aws_vpc.this]
}

run "one_zone_is_refused" {
  command = plan
  module { source = "./modules/network" }

  variables {
    zones = ["us-east-1a"]
  }

  expect_failures = [var.zones]
}

run "too_small_a_network_is_refused" {
  command = plan
  module { source = "./modules/network" }

  variables {
    cidr = "10.42.0.0/20"
  }

  expect_failures = [var.cidr]
}
