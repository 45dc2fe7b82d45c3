# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is private to the collection. Its interface may change without notice.

"""What NixOps asks AWS for, by the types of resources and what they use: IAM policies that allow this, and no more.

Read in the sources of NixOps 1.7 and nixops-aws; nothing was run against AWS. For the types in GUESSED it is a guess: the actions of the
API that a type of this kind can need.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

_MACHINE = (
    'ec2:AttachVolume', 'ec2:CreateSnapshot', 'ec2:CreateTags', 'ec2:CreateVolume', 'ec2:DeleteSnapshot', 'ec2:DeleteVolume',
    'ec2:DescribeAddresses', 'ec2:DescribeImages', 'ec2:DescribeInstanceAttribute', 'ec2:DescribeInstances', 'ec2:DescribeKeyPairs',
    'ec2:DescribeSecurityGroups', 'ec2:DescribeSnapshots', 'ec2:DescribeSubnets', 'ec2:DescribeTags', 'ec2:DescribeVolumes',
    'ec2:DescribeVpcs', 'ec2:DetachVolume', 'ec2:GetConsoleOutput', 'ec2:ModifyInstanceAttribute', 'ec2:RebootInstances',
    'ec2:RunInstances', 'ec2:StartInstances', 'ec2:StopInstances', 'ec2:TerminateInstances',
)
_RECORDS = ('route53:ChangeResourceRecordSets', 'route53:GetChange', 'route53:ListHostedZones', 'route53:ListResourceRecordSets')
_VPC = ('ec2:CreateTags', 'ec2:DescribeTags')


def _thing(service: str, name: str, plural: str = '', *more: str) -> tuple[str, ...]:
    """To make something, look at it and remove it again."""
    verbs = ['Create' + name, 'Delete' + name, 'Describe' + (plural or name + 's'), *more]
    return tuple('%s:%s' % (service, verb) for verb in verbs)


ACTIONS: Mapping[str, tuple[str, ...]] = {
    'ec2': _MACHINE,
    'ebs-volume': ('ec2:CreateTags', 'ec2:CreateVolume', 'ec2:DeleteVolume', 'ec2:DescribeSnapshots', 'ec2:DescribeVolumes'),
    'elastic-ip': ('ec2:AllocateAddress', 'ec2:AssociateAddress', 'ec2:DescribeAddresses', 'ec2:DisassociateAddress', 'ec2:ReleaseAddress'),
    'ec2-keypair': ('ec2:DeleteKeyPair', 'ec2:DescribeKeyPairs', 'ec2:ImportKeyPair'),
    'ec2-security-group': (
        'ec2:AuthorizeSecurityGroupIngress', 'ec2:CreateSecurityGroup', 'ec2:DeleteSecurityGroup', 'ec2:DescribeSecurityGroups',
        'ec2:RevokeSecurityGroupIngress',
    ),
    'ec2-placement-group': _thing('ec2', 'PlacementGroup'),
    'ec2-rds-dbinstance': (*_thing('rds', 'DBInstance'), 'rds:ModifyDBInstance'),
    'ec2-rds-dbsecurity-group': (
        *_thing('rds', 'DBSecurityGroup'), 'rds:AuthorizeDBSecurityGroupIngress', 'rds:RevokeDBSecurityGroupIngress',
    ),
    'rds-subnet-group': _thing('rds', 'DBSubnetGroup'),
    's3-bucket': (
        's3:CreateBucket', 's3:DeleteBucket', 's3:DeleteBucketPolicy', 's3:DeleteBucketWebsite', 's3:DeleteObject', 's3:GetBucketLocation',
        's3:ListBucket', 's3:PutBucketPolicy', 's3:PutBucketVersioning', 's3:PutBucketWebsite', 's3:PutLifecycleConfiguration',
    ),
    'iam-role': (
        'iam:AddRoleToInstanceProfile', 'iam:CreateInstanceProfile', 'iam:CreateRole', 'iam:DeleteInstanceProfile', 'iam:DeleteRole',
        'iam:DeleteRolePolicy', 'iam:GetInstanceProfile', 'iam:GetRole', 'iam:GetRolePolicy', 'iam:PutRolePolicy',
        'iam:RemoveRoleFromInstanceProfile', 'iam:UpdateAssumeRolePolicy',
    ),
    'sqs-queue': ('sqs:CreateQueue', 'sqs:DeleteQueue', 'sqs:GetQueueAttributes', 'sqs:GetQueueUrl', 'sqs:SetQueueAttributes'),
    'sns-topic': (
        'sns:CreateTopic', 'sns:DeleteTopic', 'sns:GetTopicAttributes', 'sns:ListSubscriptionsByTopic', 'sns:SetTopicAttributes',
        'sns:Subscribe', 'sns:Unsubscribe',
    ),
    'aws-route53-recordset': _RECORDS,
    'aws-route53-hosted-zone': (
        'route53:AssociateVPCWithHostedZone', 'route53:CreateHostedZone', 'route53:DeleteHostedZone',
        'route53:DisassociateVPCFromHostedZone', 'route53:GetHostedZone', 'route53:UpdateHostedZoneComment',
    ),
    'aws-route53-health-check': (
        'route53:ChangeTagsForResource', 'route53:CreateHealthCheck', 'route53:DeleteHealthCheck', 'route53:GetHealthCheck',
        'route53:UpdateHealthCheck',
    ),
    'vpc': (
        *_VPC, 'ec2:AssociateVpcCidrBlock', 'ec2:CreateVpc', 'ec2:DeleteVpc', 'ec2:DescribeVpcAttribute', 'ec2:DescribeVpcs',
        'ec2:DisassociateVpcCidrBlock', 'ec2:ModifyVpcAttribute',
    ),
    'vpc-subnet': (
        *_VPC, *_thing('ec2', 'Subnet'), 'ec2:AssociateSubnetCidrBlock', 'ec2:DisassociateSubnetCidrBlock', 'ec2:ModifySubnetAttribute',
    ),
    'vpc-internet-gateway': (*_VPC, *_thing('ec2', 'InternetGateway'), 'ec2:AttachInternetGateway', 'ec2:DetachInternetGateway'),
    'vpc-egress-only-internet-gateway': (*_VPC, *_thing('ec2', 'EgressOnlyInternetGateway')),
    'vpc-nat-gateway': (*_VPC, *_thing('ec2', 'NatGateway')),
    'vpc-route-table': (
        *_VPC, *_thing('ec2', 'RouteTable'), 'ec2:DisableVgwRoutePropagation', 'ec2:EnableVgwRoutePropagation',
    ),
    'vpc-route-table-association': ('ec2:AssociateRouteTable', 'ec2:DescribeRouteTables', 'ec2:DisassociateRouteTable'),
    'vpc-route': ('ec2:CreateRoute', 'ec2:DeleteRoute', 'ec2:DescribeRouteTables'),
    'vpc-dhcp-options': (*_VPC, *_thing('ec2', 'DhcpOptions', 'DhcpOptions'), 'ec2:AssociateDhcpOptions'),
    'vpc-customer-gateway': (*_VPC, *_thing('ec2', 'CustomerGateway')),
    'vpc-endpoint': (*_VPC, 'ec2:CreateVpcEndpoint', 'ec2:DeleteVpcEndpoints', 'ec2:DescribeVpcEndpoints', 'ec2:ModifyVpcEndpoint'),
    'vpc-network-acl': (
        *_VPC, *_thing('ec2', 'NetworkAcl'), 'ec2:CreateNetworkAclEntry', 'ec2:DeleteNetworkAclEntry', 'ec2:ReplaceNetworkAclAssociation',
    ),
    'vpc-network-interface': (*_VPC, *_thing('ec2', 'NetworkInterface'), 'ec2:ModifyNetworkInterfaceAttribute'),
    'vpc-network-interface-attachment': (
        'ec2:AttachNetworkInterface', 'ec2:DescribeNetworkInterfaces', 'ec2:DetachNetworkInterface',
    ),
    'aws-vpn-connection': (*_VPC, *_thing('ec2', 'VpnConnection')),
    'aws-vpn-connection-route': ('ec2:CreateVpnConnectionRoute', 'ec2:DeleteVpnConnectionRoute', 'ec2:DescribeVpnConnections'),
    'aws-vpn-gateway': (*_VPC, *_thing('ec2', 'VpnGateway'), 'ec2:AttachVpnGateway', 'ec2:DetachVpnGateway'),
    'elastic-file-system': (*_thing('elasticfilesystem', 'FileSystem'), 'elasticfilesystem:CreateTags'),
    'elastic-file-system-mount-target': (
        *_thing('elasticfilesystem', 'MountTarget'), 'ec2:CreateNetworkInterface', 'ec2:DeleteNetworkInterface',
        'ec2:DescribeNetworkInterfaces', 'ec2:DescribeSubnets',
    ),
    'cloudwatch-log-group': (*_thing('logs', 'LogGroup'), 'logs:PutRetentionPolicy'),
    'cloudwatch-log-stream': _thing('logs', 'LogStream'),
    'cloudwatch-metric-alarm': ('cloudwatch:DeleteAlarms', 'cloudwatch:DescribeAlarms', 'cloudwatch:PutMetricAlarm'),
    'aws-data-lifecycle-manager': (
        'dlm:CreateLifecyclePolicy', 'dlm:DeleteLifecyclePolicy', 'dlm:GetLifecyclePolicies', 'dlm:GetLifecyclePolicy',
        'dlm:UpdateLifecyclePolicy',
    ),
}
"""By the type of a resource."""

GUESSED = frozenset({
    'aws-data-lifecycle-manager', 'aws-vpn-connection', 'aws-vpn-connection-route', 'aws-vpn-gateway', 'cloudwatch-log-group',
    'cloudwatch-log-stream', 'cloudwatch-metric-alarm', 'elastic-file-system', 'elastic-file-system-mount-target', 'iam-role',
    'vpc-customer-gateway', 'vpc-dhcp-options', 'vpc-egress-only-internet-gateway', 'vpc-endpoint', 'vpc-network-acl',
    'vpc-network-interface', 'vpc-network-interface-attachment',
})
SERVICES = frozenset({'cloudwatch', 'dlm', 'ec2', 'elasticfilesystem', 'logs', 'rds', 'sns', 'sqs'})
"""Those with regions of their own; IAM and Route 53 have none, and a bucket is told by its name."""
USED: Mapping[str, tuple[str, ...]] = {
    'ec2.elasticIpv4': ('ec2:AssociateAddress', 'ec2:DisassociateAddress'),
    'ec2.spotInstancePrice': ('ec2:CancelSpotInstanceRequests', 'ec2:DescribeSpotInstanceRequests', 'ec2:RequestSpotInstances'),
    'ec2.spotInstanceRequestId': ('ec2:CancelSpotInstanceRequests', 'ec2:DescribeSpotInstanceRequests', 'ec2:RequestSpotInstances'),
    'ec2.instanceProfile': ('iam:PassRole',),
    'route53.hostName': _RECORDS,
}
"""What a machine needs beside the actions of its type, by attributes of its state."""

ROTATION = (
    'iam:CreateAccessKey', 'iam:DeleteAccessKey', 'iam:GetAccessKeyLastUsed', 'iam:GetUser', 'iam:ListAccessKeys', 'iam:TagUser',
    'iam:UpdateAccessKey',
)
"""What the controller asks for about users whose keys it looks after."""


def network_policy(resources: Iterable[Mapping[str, str]]) -> dict[str, Any]:
    """A policy for resources as a state has them, or as `{type: …}` says. Types that AWS does not have are left out."""
    kept = [dict(resource) for resource in resources if resource.get('type') in ACTIONS]
    regions = sorted({region for resource in kept for region in _regions(resource)})
    needed = {action for resource in kept for action in _actions(resource)}
    by_service: dict[str, list[str]] = {}
    for action in sorted(needed):
        by_service.setdefault(action.partition(':')[0], []).append(action)
    return _policy(_statement(service, actions, kept, regions) for service, actions in by_service.items())


def controller_policy(users: Iterable[str]) -> dict[str, Any]:
    """A policy for the controller: the keys of these users, who has made one, and to look whether machines exist."""
    names = sorted(set(users))
    statements = [{'Sid': 'Machines', 'Effect': 'Allow', 'Action': ['ec2:DescribeInstances'], 'Resource': '*'}]
    if names:
        statements.append({'Sid': 'Creations', 'Effect': 'Allow', 'Action': ['cloudtrail:LookupEvents'], 'Resource': '*'})
        arns = ['arn:aws:iam::*:user/%s' % name for name in names]
        statements.insert(0, {'Sid': 'AccessKeys', 'Effect': 'Allow', 'Action': list(ROTATION), 'Resource': arns})
    return _policy(statements)


def guessed(resources: Iterable[Mapping[str, str]]) -> list[str]:
    """The types among these for which the policy is a guess."""
    return sorted({str(resource.get('type')) for resource in resources} & GUESSED)


def _actions(resource: Mapping[str, str]) -> Iterator[str]:
    yield from ACTIONS[resource['type']]
    if resource['type'] == 'ec2':
        for attribute, actions in USED.items():
            yield from actions if resource.get(attribute) else ()


def _regions(resource: Mapping[str, str]) -> Iterator[str]:
    for attribute in ('ec2.region', 'region', 'cloudwatch.region', 'rds.region', 's3.region'):
        if resource.get(attribute):
            yield resource[attribute]


def _statement(service: str, actions: list[str], resources: list[dict[str, str]], regions: list[str]) -> dict[str, Any]:
    statement: dict[str, Any] = {'Sid': service.capitalize(), 'Effect': 'Allow', 'Action': actions, 'Resource': '*'}
    buckets = [resource.get('bucketName', '') for resource in resources if resource['type'] == 's3-bucket']
    if service == 's3' and buckets and all(buckets):
        statement['Resource'] = sorted(arn for name in buckets for arn in ('arn:aws:s3:::%s' % name, 'arn:aws:s3:::%s/*' % name))
    if service in SERVICES and regions:
        statement['Condition'] = {'StringEquals': {'aws:RequestedRegion': regions}}
    return statement


def _policy(statements: Iterable[dict[str, Any]]) -> dict[str, Any]:
    return {'Version': '2012-10-17', 'Statement': list(statements)}
