package resource

import (
	"strconv"

	"google.golang.org/protobuf/proto"
	securityv1beta1 "istio.io/api/security/v1beta1"

	"github.com/portreeve/portreeve/internal/diag"
)

// DryRunAnnotation makes an ALLOW or DENY policy report its verdict without enforcing it.
const DryRunAnnotation = "istio.io/dry-run"

func checkAuthorizationPolicy(c *checker, m proto.Message) {
	spec := m.(*securityv1beta1.AuthorizationPolicy)
	c.attachment(spec)
	c.action(spec)
	c.dryRun(spec)
	for i, rule := range spec.GetRules() {
		path := Path{"spec", "rules", i}
		for j, from := range rule.GetFrom() {
			c.source(path.Field("from", j, "source"), from.GetSource())
		}
		for j, to := range rule.GetTo() {
			c.operation(path.Field("to", j, "operation"), to.GetOperation())
		}
		for j, when := range rule.GetWhen() {
			c.condition(path.Field("when", j), when)
		}
	}
	if n := len(spec.GetRules()); n > 512 {
		c.add(diag.CodeTooMany, Path{"spec", "rules"}, "there are %d rules", n).WithHint("at most 512")
	}
}

func (c *checker) action(spec *securityv1beta1.AuthorizationPolicy) {
	switch spec.GetAction() {
	case securityv1beta1.AuthorizationPolicy_CUSTOM:
		c.add(diag.CodeUnsupported, Path{"spec", "action"}, "the action CUSTOM is not translated yet").WithHint("ALLOW, DENY or AUDIT")
	case securityv1beta1.AuthorizationPolicy_DENY:
		if len(spec.GetRules()) == 0 {
			c.add(diag.CodeRulesMissing, Path{"spec"}, "a DENY policy without rules denies nothing").WithHint("rules: [{}] denies everything")
		}
	}
	if spec.GetProvider() != nil && spec.GetAction() != securityv1beta1.AuthorizationPolicy_CUSTOM {
		c.add(diag.CodeProvider, Path{"spec", "provider"}, "only the action CUSTOM has a provider").WithHint("remove it")
	}
}

func (c *checker) dryRun(spec *securityv1beta1.AuthorizationPolicy) {
	node := at(c.origin.Document.Root, "metadata", "annotations", DryRunAnnotation)
	if node == nil {
		return
	}
	path := Path{"metadata", "annotations", DryRunAnnotation}
	if _, err := strconv.ParseBool(node.Value); err != nil {
		c.add(diag.CodeDryRun, path, "%q is not true or false", node.Value).WithHint(`"true" or "false"`)
	}
	if a := spec.GetAction(); a != securityv1beta1.AuthorizationPolicy_ALLOW && a != securityv1beta1.AuthorizationPolicy_DENY {
		c.add(diag.CodeDryRun, path, "a dry run is not possible with the action %s", a).WithHint("ALLOW or DENY")
	}
}

func (c *checker) source(path Path, s *securityv1beta1.Source) {
	if s == nil || proto.Equal(s, &securityv1beta1.Source{}) {
		c.add(diag.CodeEmptyRule, path, "the source matches nothing in particular").WithHint("give it a field, or leave from out")
		return
	}
	for field, values := range map[string][]string{
		"principals": s.GetPrincipals(), "notPrincipals": s.GetNotPrincipals(),
		"requestPrincipals": s.GetRequestPrincipals(), "notRequestPrincipals": s.GetNotRequestPrincipals(),
		"namespaces": s.GetNamespaces(), "notNamespaces": s.GetNotNamespaces(),
	} {
		c.nonEmpty(path.Field(field), values)
	}
	c.addresses(path.Field("ipBlocks"), s.GetIpBlocks())
	c.addresses(path.Field("notIpBlocks"), s.GetNotIpBlocks())
	c.addresses(path.Field("remoteIpBlocks"), s.GetRemoteIpBlocks())
	c.addresses(path.Field("notRemoteIpBlocks"), s.GetNotRemoteIpBlocks())
	c.serviceAccounts(path.Field("serviceAccounts"), s.GetServiceAccounts())
	c.serviceAccounts(path.Field("notServiceAccounts"), s.GetNotServiceAccounts())
	c.trustDomains(path.Field("trustDomains"), s.GetTrustDomains())
	c.trustDomains(path.Field("notTrustDomains"), s.GetNotTrustDomains())
	if len(s.GetServiceAccounts())+len(s.GetNotServiceAccounts()) > 0 &&
		len(s.GetPrincipals())+len(s.GetNotPrincipals())+len(s.GetNamespaces())+len(s.GetNotNamespaces()) > 0 {
		c.add(diag.CodeServiceAccount, path.Field("serviceAccounts"), "serviceAccounts cannot stand beside principals or namespaces").WithHint("use one of them")
	}
}

func (c *checker) operation(path Path, o *securityv1beta1.Operation) {
	if o == nil || proto.Equal(o, &securityv1beta1.Operation{}) {
		c.add(diag.CodeEmptyRule, path, "the operation matches nothing in particular").WithHint("give it a field, or leave to out")
		return
	}
	c.nonEmpty(path.Field("hosts"), o.GetHosts())
	c.nonEmpty(path.Field("notHosts"), o.GetNotHosts())
	c.nonEmpty(path.Field("methods"), o.GetMethods())
	c.nonEmpty(path.Field("notMethods"), o.GetNotMethods())
	c.paths(path.Field("paths"), o.GetPaths())
	c.paths(path.Field("notPaths"), o.GetNotPaths())
	c.ports(path.Field("ports"), o.GetPorts())
	c.ports(path.Field("notPorts"), o.GetNotPorts())
}
