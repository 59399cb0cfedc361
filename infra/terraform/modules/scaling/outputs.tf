output "topic_arn" {
  description = "Topic of alarms."
  value       = aws_sns_topic.alarms.arn
}

output "statements" {
  description = "What the jobs worker may do: set the size of these groups, look at groups, publish its own metrics."
  value = [
    {
      Sid      = "SetPools"
      Effect   = "Allow"
      Action   = ["autoscaling:SetDesiredCapacity"]
      Resource = [for pool in var.pools : pool.group_arn_pattern]
    },
    {
      # EC2 Auto Scaling knows no finer resource for looking.
      Sid      = "SeePools"
      Effect   = "Allow"
      Action   = ["autoscaling:DescribeAutoScalingGroups"]
      Resource = ["*"]
    },
    {
      Sid       = "Publish"
      Effect    = "Allow"
      Action    = ["cloudwatch:PutMetricData"]
      Resource  = ["*"]
      Condition = { StringEquals = { "cloudwatch:namespace" = [local.namespace] } }
    },
  ]
}
