package model

import (
	"maps"
	"slices"

	"github.com/portreeve/portreeve/translate/diag"
	"github.com/portreeve/portreeve/translate/resource"
)

// Settings are the facts that a compilation takes from outside the policy files.
type Settings struct {
	// RootNamespace holds the policies that apply to the workloads of all namespaces. Empty
	// means the mesh configuration's, or istio-system.
	RootNamespace string
	// DomainSuffix completes short host names: name.namespace.svc.DomainSuffix.
	DomainSuffix string
	// MeshFile is the path of that file, among those compiled, that holds Istio's MeshConfig.
	// Empty means that there is none, and Istio's defaults count.
	MeshFile string
	// GatewaysFile is the path of that file, among those compiled, that alone holds GatewayIdentity
	// objects, and nothing else. Empty means that they may stand in any.
	GatewaysFile string
	// Webhooks are the names of those that AuditAlerts may name; nil where they are not known, and nothing is said of them.
	// They are no part of what policy means.
	Webhooks []string
	// RequireTests says that a gateway is served only what PolicyTests hold for. Compiling takes no notice of
	// it: whoever serves does.
	RequireTests bool
	// Mesh is what the mesh file says. Compile sets it.
	Mesh *resource.Mesh
	// Ignored are kinds whose objects are left out with a warning, where they are an error
	// otherwise (resource.Ignorable).
	Ignored []resource.Kind
	// SecretsDirs are the directories, of the files compiled, that hold secrets as
	// NAME/tls.crt, NAME/tls.key and the like.
	SecretsDirs []string
	// Secrets are the Secret manifests and what is in SecretsDirs. Compile sets it.
	Secrets []*resource.Secret
	// Refused are the objects that are written but left out for errors of their own, so that
	// nobody says of them that they are not there. Compile sets it.
	Refused map[resource.Key]bool
	// Broken is what errors leave out. Compile sets it.
	Broken Broken
	// Disabled are marks of what is written and switched off on purpose, one for each such
	// policy. Compile sets it.
	Disabled []*resource.Resource
	// Unread are the errors about files that could not be read. What those hold is unknown, so
	// they reach every gateway.
	Unread diag.List
	// Gateway is a gateway that the policy is meant for, where somebody says so; nil where nobody
	// does. It only makes warnings more exact.
	Gateway *Gateway
	// Optimization says how policy is rewritten for gateways.
	Optimization Optimization
	// KeyFetch says who fetches keys that a policy does not hold itself.
	KeyFetch KeyFetch
	// Keys are the keys that have been fetched. A source that is not among them rejects
	// every token of its rules.
	Keys Keys
}

// Files returns the files that are named one by one: the mesh configuration and the one of GatewayIdentity
// objects, as far as there are any.
func (s Settings) Files() []string {
	return slices.DeleteFunc([]string{s.MeshFile, s.GatewaysFile}, func(path string) bool { return path == "" })
}

// defaultRootNamespace is Istio's MeshConfig.rootNamespace where nobody sets it.
const defaultRootNamespace = "istio-system"

// DefaultSettings returns what Istio assumes where nobody says otherwise.
func DefaultSettings() Settings {
	return Settings{DomainSuffix: "cluster.local"}
}

// completed returns the settings with every default filled in.
func (s Settings) completed() Settings {
	if s.Mesh == nil {
		s.Mesh = resource.DefaultMesh()
	}
	if s.RootNamespace == "" {
		s.RootNamespace = s.Mesh.Config.GetRootNamespace()
	}
	if s.RootNamespace == "" {
		s.RootNamespace = defaultRootNamespace
	}
	return s
}

// readAlike reports whether each resource by itself means the same with both settings.
func (s Settings) readAlike(o Settings) bool {
	return s.RootNamespace == o.RootNamespace && s.DomainSuffix == o.DomainSuffix && s.Mesh == o.Mesh && s.KeyFetch == o.KeyFetch
}

// judgedAlike reports whether the checks find the same with both settings.
func (s Settings) judgedAlike(o Settings) bool {
	same := s.Gateway == nil && o.Gateway == nil || s.Gateway != nil && o.Gateway != nil && s.Gateway.Namespace == o.Gateway.Namespace && maps.Equal(s.Gateway.Labels, o.Gateway.Labels)
	return same && maps.Equal(s.Refused, o.Refused) && s.Broken.equal(o.Broken)
}

// Optimization says how policy is rewritten so that it costs gateways less, which changes no verdict. Its zero value
// is the standard one.
type Optimization struct {
	// Rules are the names of the rules (optimize.Names) that rewrite; nil stands for all.
	Rules []string
	// JWTCacheEntries is how many verified tokens each worker of a gateway remembers; nil stands for the default.
	JWTCacheEntries *int
	// AnySize has forms be used for few values too, where they cost more than they save: so tests meet all of them.
	AnySize bool
}
