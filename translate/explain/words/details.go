package words

import "strings"

// Meaning is what a string that Envoy writes to %RESPONSE_CODE_DETAILS% says.
type Meaning struct {
	// Says is what happened.
	Says string `json:"says"`
	// Rule is the key of the rule that it names; empty where it names none.
	Rule string `json:"rule,omitempty"`
	// WayOut is what to do about it, empty where nothing is.
	WayOut string `json:"wayOut,omitempty"`
}

const (
	ruleDetails  = "rbac_access_denied_matched_policy["
	tokenDetails = "jwt_authn_access_denied{"
	refusedBody  = "RBAC: access denied"
)

// Details says what a string of an access log means. It is false where the string is none that the
// configuration of a gateway can give. It takes the key of a rule by itself too, as the log's policy has it,
// the body of a refusal, and a whole line of the log.
func Details(text string) (Meaning, bool) {
	text = strings.Trim(strings.TrimSpace(text), `"`)
	switch {
	case strings.HasPrefix(text, ruleDetails) && strings.HasSuffix(text, "]"):
		return ruleMeaning(text[len(ruleDetails) : len(text)-1]), true
	case strings.HasPrefix(text, tokenDetails) && strings.HasSuffix(text, "}"):
		return tokenMeaning(strings.ReplaceAll(text[len(tokenDetails):len(text)-1], "_", " "))
	case strings.HasPrefix(text, "ns[") && strings.Contains(text, "]-policy["):
		return Meaning{Says: "the rule that decided", Rule: text}, true
	}
	if m, ok := plainMeanings()[text]; ok {
		return m, true
	}
	for prefix, m := range begunMeanings() {
		if strings.HasPrefix(text, prefix) {
			return m, true
		}
	}
	if m, ok := tokenMeaning(text); ok {
		return m, true
	}
	return within(text)
}

// within finds in a whole line of a log, text or JSON, the one string that has a meaning. Of several it takes
// none: a client writes parts of the line.
func within(line string) (Meaning, bool) {
	var out Meaning
	found := ""
	for _, field := range strings.FieldsFunc(line, func(r rune) bool { return strings.ContainsRune(" \t,\"", r) }) {
		if field == found || field == line || !detailed(field) {
			continue
		}
		m, known := Details(field)
		if known && found != "" {
			return Meaning{}, false
		}
		if known {
			out, found = m, field
		}
	}
	return out, found != ""
}

// detailed reports a field that can be nothing but a detail.
func detailed(field string) bool {
	_, plain := plainMeanings()[field]
	return plain || strings.HasPrefix(field, ruleDetails) || strings.HasPrefix(field, tokenDetails)
}

// ruleMeaning is about refusals by an RBAC filter.
func ruleMeaning(key string) Meaning {
	switch key {
	case "none":
		return Meaning{
			Says:   "no rule of any ALLOW policy took the request: as soon as one ALLOW policy applies, what none takes is refused",
			WayOut: "let a rule of an ALLOW policy take it; portreeve explain PATH… --request says of each what kept it from that",
		}
	case "malformed-host", "malformed-method", "malformed-path":
		part := strings.TrimPrefix(key, "malformed-")
		return Meaning{
			Says: "the request's " + part + " can be read in two ways, so that a backend could take it for another than policy did", Rule: key,
			WayOut: "send a " + part + " that is well-formed; no policy can let it pass",
		}
	default:
		return Meaning{
			Says: "a rule of a DENY policy took the request", Rule: key,
			WayOut: "no ALLOW policy can except it: narrow the rule",
		}
	}
}

// plainMeanings are those of whole strings.
func plainMeanings() map[string]Meaning {
	return map[string]Meaning{
		refusedBody:                                 {Says: "an AuthorizationPolicy refused the request; the body does not say by which rule", WayOut: "response_code_details in the access log names the rule; portreeve explain PATH… --request works it out without a log"},
		"ext_authz_denied":                          {Says: "the authorizer of a CUSTOM policy refused the request", WayOut: "the authorizer's own log says why"},
		"ext_authz_error":                           {Says: "the authorizer of a CUSTOM policy did not answer in its time, or not as it should, and the provider does not fail open", WayOut: "look whether it runs and answers within the provider's timeout (600 s where none is set)"},
		"route_not_found":                           {Says: "no route takes the request: no virtual host has its host, or no route of that its path, method or headers", WayOut: "a VirtualService of this Gateway for the host and path"},
		"cluster_not_found":                         {Says: "the route leads to a destination that is not there", WayOut: "a ServiceEntry or Service with the host and port that the VirtualService names"},
		"no_healthy_upstream":                       {Says: "the destination has no endpoint that is taken for healthy", WayOut: "endpoints, or the outlier detection of a DestinationRule"},
		"direct_response":                           {Says: "a route of a VirtualService answers itself (directResponse, redirect, or HTTPS for a plain request)"},
		"via_upstream":                              {Says: "the backend gave the answer: the gateway let the request pass", WayOut: "the backend's own log says why"},
		"fault_filter_abort":                        {Says: "the fault of a VirtualService's route ended the request"},
		"path_normalization_failed":                 {Says: "the path is malformed and was refused before any policy"},
		"path_with_escaped_slashes_rejected":        {Says: "the path has an escaped slash (%2F, %5C), which is refused before any policy", WayOut: "pathNormalization of the mesh configuration"},
		"missing_host_header":                       {Says: "an HTTP/1.1 request came without Host"},
		"invalid_host":                              {Says: "the host is malformed"},
		"missing_path_rejected":                     {Says: "the request came without a path"},
		"absolute_path_rejected":                    {Says: "the request line has a whole URL where the gateway takes a path"},
		"low_version":                               {Says: "HTTP/1.0 is not taken"},
		"filter_chain_not_found":                    {Says: "no server of a Gateway is for this connection: neither its SNI nor plain text or TLS fits one", WayOut: "hosts and tls of the Gateway's servers"},
		"upgrade_failed":                            {Says: "the request wants to upgrade to a protocol that the route does not take"},
		"cors_response":                             {Says: "the corsPolicy of a VirtualService answered a preflight request"},
		"rbac_deny_close":                           {Says: "an AuthorizationPolicy closed the connection of a TCP server"},
		"ext_authz_close":                           {Says: "the authorizer of a CUSTOM policy refused the connection"},
		"maintenance_mode":                          {Says: "the destination is in maintenance"},
		"no_cluster":                                {Says: "the route leads to a destination that is not there"},
		"response_timeout":                          {Says: "the backend did not answer in the route's time"},
		"request_overall_timeout":                   {Says: "the whole request did not come in its time"},
		"downstream_remote_disconnect":              {Says: "the client went away"},
		"upstream_response_timeout":                 {Says: "the backend did not answer in the route's time"},
		"upstream_per_try_timeout":                  {Says: "the backend did not answer in the time of a try"},
		"upstream_max_stream_duration_reached":      {Says: "the request took longer than it may"},
		"duration_timeout":                          {Says: "the connection took longer than it may"},
		"internal_redirect":                         {Says: "the gateway followed a redirect of the backend itself"},
		"dynamic_forward_proxy.dns_cache_not_found": {Says: "the name of the destination could not be resolved"},
		"dns_resolution_failure":                    {Says: "the name of the destination could not be resolved"},
	}
}

// begunMeanings are those of strings that go on with what Envoy found.
func begunMeanings() map[string]Meaning {
	return map[string]Meaning{
		"http.":                    {Says: "the request's host, method or path is none that HTTP has"},
		"http1.":                   {Says: "the bytes are no HTTP/1.1 request that Envoy reads"},
		"http2.":                   {Says: "the bytes are no HTTP/2 that Envoy reads"},
		"upstream_reset_":          {Says: "the connection to the backend failed or was reset: the gateway had let the request pass"},
		"dns_resolution_failure":   {Says: "the name of the destination could not be resolved"},
		"rbac_access_denied":       {Says: "an RBAC filter refused the request"},
		"downstream_local_disconn": {Says: "the gateway ended the connection"},
		"filter_removed_required":  {Says: "a filter took away a header that is needed"},
		"codec_error":              {Says: "the bytes are no HTTP that Envoy reads"},
	}
}
