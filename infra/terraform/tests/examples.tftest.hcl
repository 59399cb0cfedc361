# The two examples, applied as they are.

mock_provider "aws" { source = "./tests/mocks" }

run "examples" {
  module { source = "./tests/examples" }
}

run "dev" {
  variables {
    first_password    = "0123456789abcdef0123456789abcdef"
    deployment        = run.examples.dev.deployment
    region            = run.examples.dev.region
    zones             = run.examples.dev.zones
    domain            = run.examples.dev.domain
    certificate_arn   = run.examples.dev.certificate_arn
    image_tag         = run.examples.dev.image_tag
    generation_engine = run.examples.dev.generation_engine
    pools             = run.examples.dev.pools
    gateway           = run.examples.dev.gateway
    valkey            = run.examples.dev.valkey
    nat               = run.examples.dev.nat
    log_days          = run.examples.dev.log_days
    protect           = run.examples.dev.protect
  }

  assert {
    condition     = output.pool_groups == { cpu = "darkroom-dev-cpu", t4 = "darkroom-dev-t4", a100 = "darkroom-dev-a100" }
    error_message = "Every profile has a group: without one of a100's, edits would wait for ever."
  }

  assert {
    condition     = keys(output.images) == ["cpu", "gateway", "t4"]
    error_message = "No machine of dev needs the image for A100s."
  }

  assert {
    condition     = strcontains(module.pools["a100"].machine.files["/etc/systemd/system/darkroom-worker.service"], "machine a100")
    error_message = "The a100 pool of dev runs the a100 profile."
  }

  assert {
    condition = (
      !strcontains(module.pools["a100"].machine.files["/etc/systemd/system/darkroom-worker.service"], "--gpus") &&
      !strcontains(module.pools["a100"].machine.files["/etc/darkroom/worker.env"], "DARKROOM_MODELS")
    )
    error_message = "It does so on a machine without GPUs and without weights."
  }
}

# What docs/deploy.md fills before anything starts.
run "first_apply" {
  variables {
    first_password  = "0123456789abcdef0123456789abcdef"
    deployment      = "darkroom-first"
    zones           = ["us-east-1a", "us-east-1b"]
    domain          = "darkroom.example.com"
    certificate_arn = "arn:aws:acm:us-east-1:123456789012:certificate/0"
    image_tag       = "1.4.0"
    pools           = { cpu = { max = 1 } }
  }

  plan_options {
    target = [module.storage]
  }

  assert {
    condition     = keys(output.images) == ["cpu", "gateway"] && output.models_bucket == "darkroom-first-models-123456789012"
    error_message = "The first apply tells where images and weights go."
  }
}

run "prod" {
  variables {
    first_password    = "0123456789abcdef0123456789abcdef"
    deployment        = run.examples.prod.deployment
    region            = run.examples.prod.region
    zones             = run.examples.prod.zones
    domain            = run.examples.prod.domain
    certificate_arn   = run.examples.prod.certificate_arn
    image_tag         = run.examples.prod.image_tag
    pools             = run.examples.prod.pools
    gateway           = run.examples.prod.gateway
    valkey            = run.examples.prod.valkey
    nat               = run.examples.prod.nat
    private_endpoints = run.examples.prod.private_endpoints
    alarm_emails      = run.examples.prod.alarm_emails
    log_days          = run.examples.prod.log_days
    protect           = run.examples.prod.protect
  }

  assert {
    condition     = output.url == "https://darkroom.example.com"
    error_message = "The gateway is where the domain says."
  }

  assert {
    condition = alltrue([
      for profile in ["t4", "a100"] :
      strcontains(module.pools[profile].machine.files["/etc/darkroom/worker.env"], "DARKROOM_MODELS_URL=s3://darkroom-models-123456789012/${profile}\n")
    ])
    error_message = "Pools with models fetch those of their profile."
  }

  assert {
    condition     = module.gateway.machine.log_group == "/darkroom/darkroom/gateway"
    error_message = "Logs are where the key's policy lets CloudWatch encrypt them."
  }
}
