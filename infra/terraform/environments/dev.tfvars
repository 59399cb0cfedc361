# For trying and for development: no A100. Edits are computed by the opencv engine, on a machine of the cpu kind that
# sleeps like every other. Costs about 0.20 USD an hour while nobody edits (docs/deploy.md).

deployment      = "darkroom-dev"
region          = "us-east-1"
zones           = ["us-east-1a", "us-east-1b"]
domain          = "darkroom-dev.example.com"
certificate_arn = "arn:aws:acm:us-east-1:123456789012:certificate/00000000-0000-0000-0000-000000000000"
image_tag       = "0.1.0"

generation_engine = "opencv"

pools = {
  cpu  = { max = 2, spot_percent = 100 }
  t4   = { max = 1, spot_percent = 100 }
  a100 = { max = 1, spot_percent = 100, machine = "cpu" }
}

gateway = { count = 1, instance_type = "t3.medium" }

valkey = {
  broker        = { node_type = "cache.t4g.small", replicas = 0 }
  cache         = { node_type = "cache.t4g.small", replicas = 0 }
  snapshot_days = 1
}

nat      = "one"
log_days = 7
protect  = false
