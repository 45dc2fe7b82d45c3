# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is private to the collection. Its interface may change without notice.

"""What NixOps' types of resources are called in its state, by what a network calls them below `resources`.

From get_type and get_resource_type of the definitions in NixOps 1.7, NixOps 2 and its plugins for AWS, GCE and Hetzner Cloud.
"""

from __future__ import annotations

RESOURCE_TYPES = {
    'awsDataLifecycleManager': 'aws-data-lifecycle-manager',
    'awsVPNConnectionRoutes': 'aws-vpn-connection-route',
    'awsVPNConnections': 'aws-vpn-connection',
    'awsVPNGateways': 'aws-vpn-gateway',
    'cloudwatchLogGroups': 'cloudwatch-log-group',
    'cloudwatchLogStreams': 'cloudwatch-log-stream',
    'cloudwatchMetricAlarms': 'cloudwatch-metric-alarm',
    'commandOutput': 'command-output',
    'datadogMonitors': 'datadog-monitor',
    'datadogScreenboards': 'datadog-screenboard',
    'datadogTimeboards': 'datadog-timeboard',
    'ebsVolumes': 'ebs-volume',
    'ec2KeyPairs': 'ec2-keypair',
    'ec2PlacementGroups': 'ec2-placement-group',
    'ec2SecurityGroups': 'ec2-security-group',
    'elasticFileSystemMountTargets': 'elastic-file-system-mount-target',
    'elasticFileSystems': 'elastic-file-system',
    'elasticIPs': 'elastic-ip',
    'gceDisks': 'gce-disk',
    'gceForwardingRules': 'gce-forwarding-rule',
    'gceHTTPHealthChecks': 'gce-http-health-check',
    'gceImages': 'gce-image',
    'gceNetworks': 'gce-network',
    'gceRoutes': 'gce-route',
    'gceStaticIPs': 'gce-static-ip',
    'gceTargetPools': 'gce-target-pool',
    'gseBuckets': 'gse-bucket',
    'hetznerCloudCertificates': 'hetznercloud-certificate',
    'hetznerCloudFloatingIPs': 'hetznercloud-floating-ip',
    'hetznerCloudLoadBalancers': 'hetznercloud-load-balancer',
    'hetznerCloudNetworks': 'hetznercloud-network',
    'hetznerCloudSSHKeys': 'hetznercloud-ssh-key',
    'hetznerCloudVolumes': 'hetznercloud-volume',
    'iamRoles': 'iam-role',
    'rdsDbInstances': 'ec2-rds-dbinstance',
    'rdsDbSecurityGroups': 'ec2-rds-dbsecurity-group',
    'rdsSubnetGroups': 'rds-subnet-group',
    'route53HealthChecks': 'aws-route53-health-check',
    'route53HostedZones': 'aws-route53-hosted-zone',
    'route53RecordSets': 'aws-route53-recordset',
    's3Buckets': 's3-bucket',
    'snsTopics': 'sns-topic',
    'sqsQueues': 'sqs-queue',
    'sshKeyPairs': 'ssh-keypair',
    'vaultApprole': 'vault-approle',
    'vpc': 'vpc',
    'vpcCustomerGateways': 'vpc-customer-gateway',
    'vpcDhcpOptions': 'vpc-dhcp-options',
    'vpcEgressOnlyInternetGateways': 'vpc-egress-only-internet-gateway',
    'vpcEndpoints': 'vpc-endpoint',
    'vpcInternetGateways': 'vpc-internet-gateway',
    'vpcNatGateways': 'vpc-nat-gateway',
    'vpcNetworkAcls': 'vpc-network-acl',
    'vpcNetworkInterfaceAttachments': 'vpc-network-interface-attachment',
    'vpcNetworkInterfaces': 'vpc-network-interface',
    'vpcRouteTableAssociations': 'vpc-route-table-association',
    'vpcRouteTables': 'vpc-route-table',
    'vpcRoutes': 'vpc-route',
    'vpcSubnets': 'vpc-subnet',
}
