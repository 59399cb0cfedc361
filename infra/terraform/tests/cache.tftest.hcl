# Two Valkeys: with TLS, with users, without cluster mode, and the broker forgets nothing.

mock_provider "aws" { source = "./tests/mocks" }

variables {
  name = "darkroom"
  servers = {
    broker = { node_type = "cache.m7g.large", replicas = 1 }
    cache  = { node_type = "cache.r7g.large", replicas = 0 }
  }
  engine            = { version = "8.2", family = "valkey8" }
  first_password    = "0123456789abcdef0123456789abcdef"
  subnet_ids        = ["subnet-a", "subnet-b"]
  security_group_id = "sg-data"
  key_arn           = "arn:aws:kms:us-east-1:123456789012:key/data"
  snapshot_days     = 7
  protect           = true
}

run "closed_servers" {
  module { source = "./modules/cache" }

  assert {
    condition = alltrue([
      for each in aws_elasticache_replication_group.this :
      each.transit_encryption_enabled && each.transit_encryption_mode == "required" && each.at_rest_encryption_enabled == "true" && each.kms_key_id == "arn:aws:kms:us-east-1:123456789012:key/data"
    ])
    error_message = "TLS is required, and what is on disk is encrypted with the deployment's key."
  }

  assert {
    condition     = alltrue([for each in aws_elasticache_replication_group.this : each.security_group_ids == toset(["sg-data"])]) && aws_elasticache_subnet_group.this.subnet_ids == toset(["subnet-a", "subnet-b"])
    error_message = "They are in the data subnets, behind the data group."
  }

  assert {
    condition     = alltrue([for each in aws_elasticache_replication_group.this : each.cluster_mode == "disabled" && each.engine == "valkey"])
    error_message = "No cluster mode: a job and its message are written in one transaction."
  }
}

run "a_broker_that_forgets_nothing" {
  module { source = "./modules/cache" }

  assert {
    condition = alltrue([
      for server, policy in { broker = "noeviction", cache = "allkeys-lru" } :
      one([for each in aws_elasticache_parameter_group.this[server].parameter : each.value if each.name == "maxmemory-policy"]) == policy &&
      aws_elasticache_replication_group.this[server].parameter_group_name == aws_elasticache_parameter_group.this[server].name
    ])
    error_message = "The broker evicts nothing, the image cache what was not used for longest."
  }

  assert {
    condition = (
      aws_elasticache_replication_group.this["broker"].num_cache_clusters == 2 &&
      aws_elasticache_replication_group.this["broker"].automatic_failover_enabled &&
      aws_elasticache_replication_group.this["broker"].multi_az_enabled &&
      aws_elasticache_replication_group.this["broker"].snapshot_retention_limit == 7 &&
      aws_elasticache_replication_group.this["broker"].final_snapshot_identifier == "darkroom-broker-last"
    )
    error_message = "It has a replica in another zone and a snapshot every day."
  }

  assert {
    condition     = aws_elasticache_replication_group.this["cache"].num_cache_clusters == 1 && !aws_elasticache_replication_group.this["cache"].automatic_failover_enabled && aws_elasticache_replication_group.this["cache"].snapshot_retention_limit == 0
    error_message = "Hot images need neither."
  }
}

run "users_of_their_own" {
  module { source = "./modules/cache" }

  assert {
    condition     = toset(keys(aws_elasticache_user.this)) == toset(["gateway", "worker", "flower", "images"])
    error_message = "A user for each kind of process, and none for clients that do not exist."
  }

  assert {
    condition     = alltrue([for user in ["gateway", "worker", "flower"] : aws_elasticache_user.this[user].access_string == "on ${jsondecode(file("./modules/cache/broker.json"))[user]}"])
    error_message = "Rights are what `darkroom acl broker --rules` prints."
  }

  assert {
    condition     = aws_elasticache_user.this["images"].access_string == "on ${jsondecode(file("./modules/cache/cache.json"))["images"]}"
    error_message = "And what `darkroom acl cache --rules` prints."
  }

  assert {
    condition     = aws_elasticache_user.default.user_name == "default" && startswith(aws_elasticache_user.default.access_string, "off ")
    error_message = "Who comes without a name gets nowhere."
  }

  assert {
    condition = (
      aws_elasticache_user_group.this["broker"].user_ids == toset(["darkroom-default", "darkroom-flower", "darkroom-gateway", "darkroom-worker"]) &&
      aws_elasticache_user_group.this["cache"].user_ids == toset(["darkroom-default", "darkroom-images"]) &&
      alltrue([for server in ["broker", "cache"] : aws_elasticache_replication_group.this[server].user_group_ids == toset([aws_elasticache_user_group.this[server].user_group_id])])
    )
    error_message = "Each server has its own users and the one that is off."
  }

  assert {
    condition     = alltrue([for user in concat(values(aws_elasticache_user.this), [aws_elasticache_user.default]) : one(user.authentication_mode).type == "password"])
    error_message = "Each has a password."
  }
}

run "addresses" {
  module { source = "./modules/cache" }

  assert {
    condition     = output.addresses["worker"] == "rediss://worker:%s@master.mock.use1.cache.amazonaws.com:6379/0"
    error_message = "An address speaks TLS and has the user's name; the password comes at boot."
  }
}

run "a_weak_password_is_refused" {
  command = plan
  module { source = "./modules/cache" }

  variables {
    first_password = "secret"
  }

  expect_failures = [var.first_password]
}

run "an_old_engine_is_refused" {
  command = plan
  module { source = "./modules/cache" }

  variables {
    engine = { version = "7.1", family = "redis7" }
  }

  expect_failures = [var.engine]
}
