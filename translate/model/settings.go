package model

// Settings are the facts that a compilation takes from outside the policy files.
type Settings struct {
	// RootNamespace holds the policies that apply to the workloads of all namespaces
	// (MeshConfig.rootNamespace).
	RootNamespace string
	// DomainSuffix completes short host names: name.namespace.svc.DomainSuffix.
	DomainSuffix string
}

// DefaultSettings returns what Istio assumes where nobody says otherwise.
func DefaultSettings() Settings {
	return Settings{RootNamespace: "istio-system", DomainSuffix: "cluster.local"}
}
