# Alarms look at the right groups and tell people; none of them moves a machine.

mock_provider "aws" { source = "./tests/mocks" }

variables {
  deployment = "darkroom"
  pools = {
    cpu  = { group_name = "darkroom-cpu", group_arn_pattern = "arn:cpu", boot_seconds = 300 }
    a100 = { group_name = "darkroom-a100", group_arn_pattern = "arn:a100", boot_seconds = 1200 }
  }
  idle_minutes        = 60
  balancer_dimensions = { LoadBalancer = "app/darkroom/1", TargetGroup = "targetgroup/gateway/1" }
  broker              = { id = "darkroom-broker", nodes = 2 }
  emails              = ["ops@example.com"]
  key_arn             = "arn:aws:kms:us-east-1:123456789012:key/data"
}

run "alarms_of_each_pool" {
  module { source = "./modules/scaling" }

  assert {
    condition = alltrue([
      for profile in ["cpu", "a100"] : alltrue([
        for alarm in [aws_cloudwatch_metric_alarm.waiting[profile], aws_cloudwatch_metric_alarm.silent[profile]] :
        alarm.namespace == "Darkroom" && alarm.dimensions == tomap({ Deployment = "darkroom", Pool = profile })
      ])
    ])
    error_message = "They read what the jobs worker publishes for their pool."
  }

  assert {
    condition     = aws_cloudwatch_metric_alarm.waiting["cpu"].metric_name == "BacklogWithoutCapacity" && aws_cloudwatch_metric_alarm.silent["cpu"].metric_name == "DesiredCapacity"
    error_message = "Jobs that nobody takes; a controller that says nothing."
  }

  assert {
    condition     = aws_cloudwatch_metric_alarm.waiting["cpu"].evaluation_periods == 3 && aws_cloudwatch_metric_alarm.waiting["a100"].evaluation_periods == 8
    error_message = "A large machine may take longer before anybody is woken."
  }

  assert {
    condition     = aws_cloudwatch_metric_alarm.silent["cpu"].treat_missing_data == "breaching"
    error_message = "No data is the alarm."
  }

  assert {
    condition = alltrue([
      for profile, group in { cpu = "darkroom-cpu", a100 = "darkroom-a100" } :
      one([for query in aws_cloudwatch_metric_alarm.idle[profile].metric_query : one(query.metric).dimensions if query.id == "machines"]) == tomap({ AutoScalingGroupName = group })
    ])
    error_message = "Idle machines are looked for in the pool's own group."
  }
}

run "alarms_tell_people_only" {
  module { source = "./modules/scaling" }

  assert {
    condition = alltrue([
      for alarm in concat(values(aws_cloudwatch_metric_alarm.waiting), values(aws_cloudwatch_metric_alarm.silent), values(aws_cloudwatch_metric_alarm.idle), values(aws_cloudwatch_metric_alarm.health)) :
      alarm.alarm_actions == toset([aws_sns_topic.alarms.arn])
    ])
    error_message = "An alarm's action is the topic: there is one controller, and it is not CloudWatch."
  }

  assert {
    condition     = aws_sns_topic.alarms.kms_master_key_id == "arn:aws:kms:us-east-1:123456789012:key/data" && aws_sns_topic_subscription.email["ops@example.com"].topic_arn == aws_sns_topic.alarms.arn
    error_message = "The topic is encrypted and reaches the address."
  }
}

run "the_broker_is_watched" {
  module { source = "./modules/scaling" }

  assert {
    condition     = toset([for key, alarm in aws_cloudwatch_metric_alarm.health : alarm.dimensions["CacheClusterId"] if startswith(key, "broker-memory")]) == toset(["darkroom-broker-001", "darkroom-broker-002"])
    error_message = "Each of its nodes."
  }
}

run "the_controllers_rights" {
  module { source = "./modules/scaling" }

  assert {
    condition     = output.statements[0].Action == ["autoscaling:SetDesiredCapacity"] && toset(output.statements[0].Resource) == toset(["arn:cpu", "arn:a100"])
    error_message = "It sets the size of these groups and of no other."
  }
}
