# For use: models on GPUs, two of everything that is always on, data that outlive a mistake.

deployment      = "darkroom"
region          = "us-east-1"
zones           = ["us-east-1a", "us-east-1b", "us-east-1c"]
domain          = "darkroom.example.com"
certificate_arn = "arn:aws:acm:us-east-1:123456789012:certificate/00000000-0000-0000-0000-000000000000"
image_tag       = "0.1.0"

pools = {
  # The first machine of each kind is on-demand: Spot may have none in the minute when somebody waits.
  cpu = { max = 10, spot_percent = 70, on_demand_base = 1 }
  t4  = { max = 4, spot_percent = 70, on_demand_base = 1 }
  # In few zones, and rarely as Spot.
  a100 = { max = 2 }
}

gateway = { count = 2, instance_type = "m7i.large" }

valkey = {
  broker        = { node_type = "cache.m7g.large", replicas = 1 }
  cache         = { node_type = "cache.r7g.large", replicas = 0 }
  snapshot_days = 7
}

nat               = "per_zone"
private_endpoints = true
alarm_emails      = ["ops@example.com"]
log_days          = 30
protect           = true
