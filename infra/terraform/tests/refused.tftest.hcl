# Wrong inputs are refused before anything is planned, each with a sentence.

mock_provider "aws" { source = "./tests/mocks" }

variables {
  deployment      = "darkroom"
  zones           = ["us-east-1a", "us-east-1b"]
  domain          = "darkroom.example.com"
  certificate_arn = "arn:aws:acm:us-east-1:123456789012:certificate/0"
  image_tag       = "1.4.0"
  first_password  = "0123456789abcdef0123456789abcdef"
  pools           = { cpu = { max = 2 }, t4 = { max = 1 }, a100 = { max = 1 } }
}

run "an_unknown_pool" {
  command = plan
  variables {
    pools = { cpu = { max = 1 }, jobs = { max = 1 } }
  }
  expect_failures = [var.pools]
}

run "no_cpu_pool" {
  command = plan
  variables {
    pools = { a100 = { max = 1 } }
  }
  expect_failures = [var.pools]
}

run "a_pool_without_machines" {
  command = plan
  variables {
    pools = { cpu = { max = 0 } }
  }
  expect_failures = [var.pools]
}

run "a_machine_that_does_nothing" {
  command = plan
  variables {
    pools = { cpu = { max = 1, slots = 0 } }
  }
  expect_failures = [var.pools]
}

run "a_pool_in_a_foreign_zone" {
  command = plan
  variables {
    pools = { cpu = { max = 1, zones = ["us-east-1f"] } }
  }
  expect_failures = [var.pools]
}

run "the_model_without_its_gpus" {
  command = plan
  variables {
    pools = { cpu = { max = 1 }, a100 = { max = 1, machine = "t4" } }
  }
  expect_failures = [var.generation_engine]
}

run "weights_in_an_image_that_is_not_named" {
  command = plan
  variables {
    weights = "ami"
  }
  expect_failures = [var.weights]
}

run "a_moving_tag" {
  command = plan
  variables {
    image_tag = "latest"
  }
  expect_failures = [var.image_tag]
}

run "a_password_in_the_settings" {
  command = plan
  variables {
    settings = { SOME_API_TOKEN = "x" }
  }
  expect_failures = [var.settings]
}

run "a_setting_that_is_ours" {
  command = plan
  variables {
    settings = { REDIS_URL = "redis://elsewhere:6379/0" }
  }
  expect_failures = [var.settings]
}

run "no_certificate" {
  command = plan
  variables {
    certificate_arn = "none"
  }
  expect_failures = [var.certificate_arn]
}

run "zones_of_another_region" {
  command = plan
  variables {
    region = "eu-west-1"
  }
  expect_failures = [var.zones]
}

run "a_login_without_its_secret" {
  command = plan
  variables {
    flower_login = {
      issuer                 = "https://id.example.com"
      authorization_endpoint = "https://id.example.com/authorize"
      token_endpoint         = "https://id.example.com/token"
      user_info_endpoint     = "https://id.example.com/userinfo"
      client_id              = "darkroom"
    }
  }
  expect_failures = [var.flower_client_secret]
}

run "a_timeout_shorter_than_an_edit" {
  command = plan
  variables {
    gateway = { idle_timeout = 60 }
  }
  expect_failures = [var.gateway]
}

run "a_name_that_no_bucket_may_have" {
  command = plan
  variables {
    deployment = "Dark_Room"
  }
  expect_failures = [var.deployment]
}
