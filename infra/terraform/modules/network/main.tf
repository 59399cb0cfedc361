# Three layers of subnets: public (balancer, NAT), private (machines), data (Valkey, without any way out).

data "aws_region" "current" {}

locals {
  public_zones = { for index, zone in var.zones : zone => cidrsubnet(var.cidr, 8, index) }
  data_zones   = { for index, zone in var.zones : zone => cidrsubnet(var.cidr, 8, 8 + index) }
  # Sixteen times as large: here the groups grow.
  private_zones = { for index, zone in var.zones : zone => cidrsubnet(var.cidr, 4, 1 + index) }

  nat_zones = toset(var.nat == "none" ? [] : var.nat == "one" ? [var.zones[0]] : var.zones)

  # What the machines call: images and their layers' list, secrets, hooks and the scaler, metrics, logs, sessions.
  endpoints = var.private_endpoints ? toset([
    "autoscaling", "ecr.api", "ecr.dkr", "logs", "monitoring", "secretsmanager", "ssm", "ssmmessages",
  ]) : toset([])
}

resource "aws_vpc" "this" {
  #checkov:skip=CKV2_AWS_11:flow logs cost by the GB and belong to an account's audit; security groups here name both ends of each connection
  #checkov:skip=CKV2_AWS_12:nothing uses the default security group; every machine, endpoint and store names its own
  cidr_block           = var.cidr
  enable_dns_support   = true
  enable_dns_hostnames = true

  tags = { Name = var.name }

  lifecycle {
    precondition {
      condition     = var.nat != "none" || var.private_endpoints
      error_message = "Without a NAT gateway the machines reach ECR, Secrets Manager and CloudWatch by endpoints only: set private_endpoints = true, or nat = \"one\"."
    }
  }
}

resource "aws_internet_gateway" "this" {
  vpc_id = aws_vpc.this.id
  tags   = { Name = var.name }
}

resource "aws_subnet" "public" {
  for_each = local.public_zones

  vpc_id            = aws_vpc.this.id
  availability_zone = each.key
  cidr_block        = each.value
  # The balancer and NAT bring their own addresses.
  map_public_ip_on_launch = false

  tags = { Name = "${var.name}-public-${each.key}" }
}

resource "aws_subnet" "private" {
  for_each = local.private_zones

  vpc_id            = aws_vpc.this.id
  availability_zone = each.key
  cidr_block        = each.value

  tags = { Name = "${var.name}-private-${each.key}" }
}

resource "aws_subnet" "data" {
  for_each = local.data_zones

  vpc_id            = aws_vpc.this.id
  availability_zone = each.key
  cidr_block        = each.value

  tags = { Name = "${var.name}-data-${each.key}" }
}

resource "aws_eip" "nat" {
  for_each = local.nat_zones

  domain = "vpc"
  tags   = { Name = "${var.name}-nat-${each.key}" }
}

resource "aws_nat_gateway" "this" {
  for_each = local.nat_zones

  allocation_id = aws_eip.nat[each.key].id
  subnet_id     = aws_subnet.public[each.key].id
  tags          = { Name = "${var.name}-${each.key}" }

  depends_on = [aws_internet_gateway.this]
}

resource "aws_route_table" "public" {
  vpc_id = aws_vpc.this.id
  tags   = { Name = "${var.name}-public" }
}

resource "aws_route" "public" {
  route_table_id         = aws_route_table.public.id
  destination_cidr_block = "0.0.0.0/0"
  gateway_id             = aws_internet_gateway.this.id
}

resource "aws_route_table_association" "public" {
  for_each = aws_subnet.public

  subnet_id      = each.value.id
  route_table_id = aws_route_table.public.id
}

resource "aws_route_table" "private" {
  for_each = local.private_zones

  vpc_id = aws_vpc.this.id
  tags   = { Name = "${var.name}-private-${each.key}" }
}

resource "aws_route" "private" {
  for_each = var.nat == "none" ? {} : local.private_zones

  route_table_id         = aws_route_table.private[each.key].id
  destination_cidr_block = "0.0.0.0/0"
  nat_gateway_id         = aws_nat_gateway.this[var.nat == "one" ? var.zones[0] : each.key].id
}

resource "aws_route_table_association" "private" {
  for_each = aws_subnet.private

  subnet_id      = each.value.id
  route_table_id = aws_route_table.private[each.key].id
}

# No route but the VPC's own.
resource "aws_route_table" "data" {
  vpc_id = aws_vpc.this.id
  tags   = { Name = "${var.name}-data" }
}

resource "aws_route_table_association" "data" {
  for_each = aws_subnet.data

  subnet_id      = each.value.id
  route_table_id = aws_route_table.data.id
}

# Weights, images, the layers of container images and Amazon Linux's packages are in S3: 58 GB of weights at each start
# of a large machine would cost more through a NAT gateway than the minutes that it runs for.
resource "aws_vpc_endpoint" "s3" {
  vpc_id            = aws_vpc.this.id
  vpc_endpoint_type = "Gateway"
  service_name      = "com.amazonaws.${data.aws_region.current.region}.s3"
  route_table_ids   = [for table in aws_route_table.private : table.id]

  tags = { Name = "${var.name}-s3" }
}

resource "aws_vpc_endpoint" "interface" {
  for_each = local.endpoints

  vpc_id              = aws_vpc.this.id
  vpc_endpoint_type   = "Interface"
  service_name        = "com.amazonaws.${data.aws_region.current.region}.${each.key}"
  subnet_ids          = [for subnet in aws_subnet.private : subnet.id]
  security_group_ids  = [aws_security_group.this["endpoints"].id]
  private_dns_enabled = true

  tags = { Name = "${var.name}-${each.key}" }
}

locals {
  groups = {
    balancer  = "Load balancer: the only thing that the internet reaches."
    gateway   = "Gateway machines: gateway, jobs worker, Flower."
    worker    = "Machines of the worker pools: nobody connects to them."
    data      = "Valkey, and EFS where there is one."
    endpoints = "Interface endpoints of AWS's services."
  }

  # From one group to another, by port. Both ends have a rule.
  paths = {
    balancer-gateway  = { from = "balancer", to = "gateway", port = 8000, of = "HTTP of the gateway" }
    balancer-flower   = { from = "balancer", to = "gateway", port = 5555, of = "Flower" }
    gateway-valkey    = { from = "gateway", to = "data", port = 6379, of = "Valkey with TLS" }
    worker-valkey     = { from = "worker", to = "data", port = 6379, of = "Valkey with TLS" }
    worker-efs        = { from = "worker", to = "data", port = 2049, of = "EFS with TLS" }
    gateway-endpoints = { from = "gateway", to = "endpoints", port = 443, of = "AWS services" }
    worker-endpoints  = { from = "worker", to = "endpoints", port = 443, of = "AWS services" }
  }

  entries = { for pair in setproduct(var.allowed_cidrs, [80, 443]) : "${pair[0]}-${pair[1]}" => { cidr = pair[0], port = pair[1] } }
}

resource "aws_security_group" "this" {
  #checkov:skip=CKV2_AWS_5:the modules of gateway, pools, cache and weights attach them
  for_each = local.groups

  name        = "${var.name}-${each.key}"
  description = each.value
  vpc_id      = aws_vpc.this.id

  tags = { Name = "${var.name}-${each.key}" }
}

resource "aws_vpc_security_group_ingress_rule" "path" {
  for_each = local.paths

  security_group_id            = aws_security_group.this[each.value.to].id
  referenced_security_group_id = aws_security_group.this[each.value.from].id
  ip_protocol                  = "tcp"
  from_port                    = each.value.port
  to_port                      = each.value.port
  description                  = "${each.value.of}, from ${each.value.from}"
}

resource "aws_vpc_security_group_egress_rule" "path" {
  for_each = local.paths

  security_group_id            = aws_security_group.this[each.value.from].id
  referenced_security_group_id = aws_security_group.this[each.value.to].id
  ip_protocol                  = "tcp"
  from_port                    = each.value.port
  to_port                      = each.value.port
  description                  = "${each.value.of}, to ${each.value.to}"
}

resource "aws_vpc_security_group_ingress_rule" "entry" {
  for_each = local.entries

  security_group_id = aws_security_group.this["balancer"].id
  cidr_ipv4         = each.value.cidr
  ip_protocol       = "tcp"
  from_port         = each.value.port
  to_port           = each.value.port
  description       = "Clients"
}

# S3 by its gateway endpoint, AWS's services where there are no interface endpoints, receivers of webhooks: HTTPS alone.
# Where there is no NAT gateway this leads to S3 only.
resource "aws_vpc_security_group_egress_rule" "https" {
  for_each = toset(["gateway", "worker"])

  security_group_id = aws_security_group.this[each.key].id
  cidr_ipv4         = "0.0.0.0/0"
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
  description       = "HTTPS to S3, AWS and receivers of webhooks"
}

# An identity provider answers the balancer, not the machines.
resource "aws_vpc_security_group_egress_rule" "identity" {
  security_group_id = aws_security_group.this["balancer"].id
  cidr_ipv4         = "0.0.0.0/0"
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
  description       = "Identity provider of Flower's login"
}
