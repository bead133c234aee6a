package resource

import (
	"slices"
	"strings"

	"cel.dev/cel-go/common/ast"
	celoperators "cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"

	"github.com/portreeve/portreeve/translate/diag"
)

// attributeRoots are the names that Envoy knows of a request or connection.
func attributeRoots() []string {
	return []string{"request", "response", "source", "destination", "connection", "upstream", "metadata", "filter_state", "upstream_filter_state", "xds"}
}

// attributesBelow returns what Envoy 1.40 has below a root, or nothing where it is whatever
// filters put there. What is below that is not looked at.
func attributesBelow(root string) []string {
	const tls = " tls_version subject_local_certificate subject_peer_certificate dns_san_local_certificate dns_san_peer_certificate" +
		" uri_san_local_certificate uri_san_peer_certificate sha256_peer_certificate_digest peer_certificate transport_failure_reason"
	return strings.Fields(map[string]string{
		"request":     "path url_path host scheme method headers headers_bytes referer useragent time id protocol query duration size total_size",
		"response":    "code code_details flags grpc_status headers headers_bytes trailers size total_size backend_latency",
		"source":      "address port",
		"destination": "address port",
		"connection":  "id mtls requested_server_name termination_details" + tls,
		"upstream":    "address port num_endpoints local_address request_attempt_count cx_pool_ready_duration locality" + tls,
		"metadata":    "filter_metadata typed_filter_metadata",
		"xds": "node cluster_name cluster_metadata listener_direction listener_metadata route_name route_metadata virtual_host_name virtual_host_metadata" +
			" upstream_host_metadata upstream_host_locality_metadata filter_chain_name",
	}[root])
}

// attribute notes a name below a root that no request has.
func (w *expressionWalk) attribute(root ast.Expr, name string, found map[string]bool) {
	if root.Kind() != ast.IdentKind {
		return
	}
	of := strings.TrimPrefix(root.AsIdent(), ".")
	if of == "metadata" {
		found = w.strangers // a message, in which to ask for a field that it cannot have fails too
	}
	if known := attributesBelow(of); len(known) > 0 && !slices.Contains(known, name) {
		found[of+"."+name] = true
	}
}

// attributeIn notes what response['code'] and 'code' in response name.
func (w *expressionWalk) attributeIn(function string, args []ast.Expr) {
	switch function {
	case celoperators.Index:
		if name, ok := literal(args[1]); ok {
			w.attribute(args[0], name, w.strangers)
		}
	case celoperators.In:
		if name, ok := literal(args[0]); ok {
			w.attribute(args[1], name, w.asked)
		}
	}
}

func literal(e ast.Expr) (string, bool) {
	if e.Kind() != ast.LiteralKind {
		return "", false
	}
	text, ok := e.AsLiteral().(types.String)
	return string(text), ok
}

// unknownName warns of a name that no request has. Envoy takes the expression: what reads the
// name fails, and where it decides the request is not logged, also with ! before it; asked
// whether it is there, Envoy says no.
func (c expressionChecker) unknownName(path Path, name, effect string) {
	hint := choice(name, attributeRoots())
	if root, field, below := strings.Cut(name, "."); below {
		known := attributesBelow(root)
		hint = root + " has " + strings.Join(known, ", ")
		if near := closest(field, known); near != "" {
			hint = "did you mean " + root + "." + near + "?"
		}
	}
	c.add(diag.CodeExpressionName, path, "the expression names %s, which no request has, so %s", name, effect).WithHint("%s", hint)
}
