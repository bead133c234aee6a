// Package resource turns YAML documents into typed, validated resources: a file per kind.
//
// To add a kind, name it among the kinds below and enter it in the list of kind.go, the one place
// where kinds are registered, with its message, the scope of its findings, the fields that count, and
// a function in a file of its own that checks it. To add a field that a message has already, list it
// among the fields of its kind (destinationRuleFields: every other field is refused), and check its
// value in the checker of the part in which it stands.
package resource

import (
	"strconv"
	"time"

	"google.golang.org/protobuf/proto"
)

// Kind is the kind of a resource, such as "AuthorizationPolicy".
type Kind string

// The kinds that are read.
const (
	RequestAuthentication Kind = "RequestAuthentication"
	AuthorizationPolicy   Kind = "AuthorizationPolicy"
	Gateway               Kind = "Gateway"
	VirtualService        Kind = "VirtualService"
	ServiceEntry          Kind = "ServiceEntry"
	DestinationRule       Kind = "DestinationRule"
	WorkloadEntry         Kind = "WorkloadEntry"
	KubernetesService     Kind = "Service"
	EndpointSlice         Kind = "EndpointSlice"
	Endpoints             Kind = "Endpoints"
	Telemetry             Kind = "Telemetry"
	JWTPolicy             Kind = "JWTPolicy"
	GatewayIdentity       Kind = "GatewayIdentity"
	PolicyTest            Kind = "PolicyTest"
	AuditAlert            Kind = "AuditAlert"
)

// Key names a resource; two resources with one key are a mistake of the user.
type Key struct {
	Kind            Kind
	Namespace, Name string
}

// String returns "Kind namespace/name", the form that diagnostics use.
func (k Key) String() string { return string(k.Kind) + " " + k.Namespace + "/" + k.Name }

// Resource is one decoded and validated object. It is shared and must not be changed.
//
// Its address is its identity: what an edit does not touch is the same resource, with the same Spec, in the next
// program, also where it is made of another one (by wizard, or for a trust domain). All that is remembered from
// one program to the next is remembered by that.
type Resource struct {
	Key
	Labels, Annotations map[string]string
	// Created is metadata.creationTimestamp, or the zero time. It takes part in Istio's order of policies.
	Created time.Time
	// Spec is the message of the kind: securityv1beta1.RequestAuthentication and
	// AuthorizationPolicy, networkingv1alpha3.Gateway, VirtualService, ServiceEntry, WorkloadEntry and
	// DestinationRule, kubernetesv1.ServiceSpec, EndpointSlice and Endpoints, portreevev1alpha1.JWTPolicy,
	// GatewayIdentity, PolicyTest and AuditAlert.
	Spec   proto.Message
	Origin Origin
	// Source is the object that this one is made of; nil where it is as it is written.
	Source *Resource
}

// AsWritten returns the object that a person wrote, which is another one where this is made of it.
func (r *Resource) AsWritten() *Resource {
	for r.Source != nil {
		r = r.Source
	}
	return r
}

// DryRun reports whether the object is a policy that reports its verdict without enforcing it.
// An annotation that is neither true nor false enforces.
func (r *Resource) DryRun() bool {
	on, err := strconv.ParseBool(r.Annotations[DryRunAnnotation])
	return err == nil && on
}
