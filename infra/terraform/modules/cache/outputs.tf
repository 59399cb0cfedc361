output "addresses" {
  description = "Where each user finds its server, with %s in place of the password."
  value = {
    for user, each in local.users : user =>
    "rediss://${user}:%s@${aws_elasticache_replication_group.this[each.server].primary_endpoint_address}:6379/0"
  }
}

output "user_ids" {
  description = "ElastiCache's ids of the users, for `aws elasticache modify-user`."
  value       = { for user, each in aws_elasticache_user.this : user => each.user_id }
}

output "server_ids" {
  description = "ElastiCache's ids of broker and cache."
  value       = { for server, group in aws_elasticache_replication_group.this : server => group.replication_group_id }
}
