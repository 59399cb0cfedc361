# Two Valkeys without cluster mode: a job's record and its message are written in one transaction, over keys that a
# cluster would spread (docs/decisions/0015). Why two: pixels must never fill the broker.

locals {
  # Made by `darkroom acl broker --rules` and `darkroom acl cache --rules`; a test compares them with the code. The
  # user `client` is for Python clients outside of this deployment, and there are none.
  rules = {
    broker = { for user, rules in jsondecode(file("${path.module}/broker.json")) : user => rules if user != "client" }
    cache  = jsondecode(file("${path.module}/cache.json"))
  }

  users = merge([
    for server, rules in local.rules : { for user, each in rules : user => { server = server, rules = each } }
  ]...)

  # The broker never forgets; the image cache forgets what was not used for longest.
  policies = { broker = "noeviction", cache = "allkeys-lru" }
}

resource "aws_elasticache_user" "this" {
  for_each = local.users

  user_id       = "${var.name}-${each.key}"
  user_name     = each.key
  engine        = "valkey"
  access_string = "on ${each.value.rules}"

  authentication_mode {
    type      = "password"
    passwords = [var.first_password]
  }

  lifecycle {
    # Passwords are set and rotated outside: what the state holds opens nothing after that.
    ignore_changes = [authentication_mode]
  }
}

# Who comes without a name is this user, and it is off.
resource "aws_elasticache_user" "default" {
  user_id       = "${var.name}-default"
  user_name     = "default"
  engine        = "valkey"
  access_string = "off resetkeys resetchannels -@all"

  authentication_mode {
    type      = "password"
    passwords = [var.first_password]
  }

  lifecycle {
    ignore_changes = [authentication_mode]
  }
}

resource "aws_elasticache_user_group" "this" {
  for_each = local.rules

  user_group_id = "${var.name}-${each.key}"
  engine        = "valkey"
  user_ids      = concat([aws_elasticache_user.default.user_id], [for user in keys(each.value) : aws_elasticache_user.this[user].user_id])
}

resource "aws_elasticache_parameter_group" "this" {
  for_each = local.policies

  # Another family is another group, and the servers move to it before this one goes.
  name        = "${var.name}-${each.key}-${var.engine.family}"
  family      = var.engine.family
  description = "Darkroom ${var.name}: ${each.key}"

  parameter {
    name  = "maxmemory-policy"
    value = each.value
  }

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_elasticache_subnet_group" "this" {
  name        = var.name
  description = "Darkroom ${var.name}"
  subnet_ids  = var.subnet_ids
}

resource "aws_elasticache_replication_group" "this" {
  #checkov:skip=CKV2_AWS_50:a failover needs a replica; prod.tfvars has them, a test deployment saves their price
  for_each = local.policies

  replication_group_id = "${var.name}-${each.key}"
  description          = each.key == "broker" ? "Jobs, messages, events" : "Hot images"
  engine               = "valkey"
  engine_version       = var.engine.version
  node_type            = var.servers[each.key].node_type
  port                 = 6379
  parameter_group_name = aws_elasticache_parameter_group.this[each.key].name

  cluster_mode               = "disabled"
  num_cache_clusters         = 1 + var.servers[each.key].replicas
  automatic_failover_enabled = var.servers[each.key].replicas > 0
  multi_az_enabled           = var.servers[each.key].replicas > 0

  subnet_group_name  = aws_elasticache_subnet_group.this.name
  security_group_ids = [var.security_group_id]
  user_group_ids     = [aws_elasticache_user_group.this[each.key].user_group_id]

  transit_encryption_enabled = true
  transit_encryption_mode    = "required"
  at_rest_encryption_enabled = true
  kms_key_id                 = var.key_arn

  auto_minor_version_upgrade = true
  # Sunday, in the night of the Americas and of Europe; the snapshot before it.
  maintenance_window        = "sun:05:00-sun:06:00"
  snapshot_window           = "03:00-04:00"
  snapshot_retention_limit  = each.key == "broker" ? var.snapshot_days : 0
  final_snapshot_identifier = each.key == "broker" && var.protect ? "${var.name}-broker-last" : null
}
