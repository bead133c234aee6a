package replay

import "strings"

// field is what an operator of a log format says of a request.
type field int

const (
	nothing field = iota
	method
	// fullPath is the path with its query, barePath without.
	fullPath
	barePath
	authority
	protocol
	forwardedFor
	directAddress
	remoteAddress
	localAddress
	serverName
	tlsVersion
	peerURIs
	peerNames
	peerSubject
	tokenIssuer
	tokenSubject
	tokenClaims
	querySent
	accessTokenSent
	authorizationSent
	status
	details
	startTime
	// header is any other header of the request, whose name stands beside it.
	header
	fieldCount
)

// target is where the value of an operator goes.
type target struct {
	field field
	// name is that of a header, in lower case.
	name string
}

const metadataOfToken = "DYNAMIC_METADATA(envoy.filters.http.jwt_authn:payload"

// targetOf says what an operator, without its percent signs, tells; nothing where it does not help.
func targetOf(operator string) target {
	switch operator {
	case "PATH", "PATH(WQ)", "PATH(WQ:ORIG_OR_PATH)", "REQ(X-ENVOY-ORIGINAL-PATH?:PATH)", "REQ(:PATH)":
		return target{field: fullPath}
	case "PATH(NQ)", "PATH(NQ:ORIG_OR_PATH)", "REQ_WITHOUT_QUERY(X-ENVOY-ORIGINAL-PATH?:PATH)", "REQ_WITHOUT_QUERY(:PATH)":
		return target{field: barePath}
	case "REQ(X-ENVOY-ORIGINAL-HOST?:AUTHORITY)":
		return target{field: authority}
	case "PROTOCOL":
		return target{field: protocol}
	case "RESPONSE_CODE":
		return target{field: status}
	case "RESPONSE_CODE_DETAILS":
		return target{field: details}
	case "START_TIME":
		return target{field: startTime}
	case "DOWNSTREAM_DIRECT_REMOTE_ADDRESS", "DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT":
		return target{field: directAddress}
	case "DOWNSTREAM_REMOTE_ADDRESS":
		return target{field: remoteAddress}
	case "DOWNSTREAM_LOCAL_ADDRESS":
		return target{field: localAddress}
	case "QUERY_PARAM(access_token):0":
		return target{field: accessTokenSent}
	case "QUERY_PARAMS(ORIG):0", "QUERY_PARAMS:0":
		return target{field: querySent}
	}
	if t, ok := identityTarget(operator); ok {
		return t
	}
	return headerTarget(operator)
}

// identityTarget is about operators that say who the client is.
func identityTarget(operator string) (target, bool) {
	switch operator {
	case "REQUESTED_SERVER_NAME", "REQUESTED_SERVER_NAME(SNI_ONLY)":
		return target{field: serverName}, true
	case "DOWNSTREAM_TLS_VERSION":
		return target{field: tlsVersion}, true
	case "DOWNSTREAM_PEER_URI_SAN":
		return target{field: peerURIs}, true
	case "DOWNSTREAM_PEER_DNS_SAN":
		return target{field: peerNames}, true
	case "DOWNSTREAM_PEER_SUBJECT":
		return target{field: peerSubject}, true
	case metadataOfToken + ":iss)":
		return target{field: tokenIssuer}, true
	case metadataOfToken + ":sub)":
		return target{field: tokenSubject}, true
	case metadataOfToken + ")":
		return target{field: tokenClaims}, true
	}
	return target{}, false
}

// headerTarget is about operators that show a header of the request.
func headerTarget(operator string) target {
	name, ok := strings.CutPrefix(operator, "REQ(")
	if !ok {
		name, ok = strings.CutPrefix(operator, "REQUEST_HEADER(")
	}
	name, cut, closed := strings.Cut(name, ")")
	if !ok || !closed {
		return target{}
	}
	switch name = strings.ToLower(name); {
	case name == "authorization" && cut == ":0":
		return target{field: authorizationSent}
	case cut != "" || strings.Contains(name, "?"):
		return target{}
	case name == ":method":
		return target{field: method}
	case name == ":authority" || name == "host":
		return target{field: authority}
	case name == "x-forwarded-for":
		return target{field: forwardedFor}
	case strings.HasPrefix(name, ":") || name == "x-request-id":
		// Envoy gives each request an x-request-id of its own where it has none.
		return target{}
	default:
		return target{field: header, name: name}
	}
}
