package diag

import "sync"

// Code names a kind of finding. Codes are stable and never reused.
type Code string

// The codes. Each has a row in the table below. PR01 is about files and YAML, PR02 about every
// object, PR03 to PR08 about one kind, PR09 about objects together, PR10 about the
// mesh configuration, PR11 about certificates, PR12 about DestinationRules, and PR13 about
// access logs.
const (
	CodeRead               Code = "PR0101"
	CodeYAML               Code = "PR0102"
	CodeEmptyFile          Code = "PR0103"
	CodeDuplicateKey       Code = "PR0104"
	CodeNotAnObject        Code = "PR0105"
	CodeEncoding           Code = "PR0106"
	CodeAlias              Code = "PR0107"
	CodeUnknownKind        Code = "PR0201"
	CodeForeignKind        Code = "PR0202"
	CodeUnknownField       Code = "PR0203"
	CodeWrongType          Code = "PR0204"
	CodeMetadata           Code = "PR0205"
	CodeUnsupported        Code = "PR0206"
	CodeSelector           Code = "PR0207"
	CodeTargetRef          Code = "PR0208"
	CodeEmptyValue         Code = "PR0209"
	CodePort               Code = "PR0210"
	CodeHost               Code = "PR0211"
	CodeSelectorLabel      Code = "PR0212"
	CodeSelectorEmpty      Code = "PR0213"
	CodeTargetName         Code = "PR0214"
	CodeTargetNamespace    Code = "PR0215"
	CodeReservedAnnotation Code = "PR0216"
	CodeEnum               Code = "PR0217"
	CodeIgnoredField       Code = "PR0218"
	CodeOneOf              Code = "PR0219"
	CodeInertKind          Code = "PR0220"
	CodeRefusedKind        Code = "PR0221"
	CodeIssuer             Code = "PR0301"
	CodeJWKSURI            Code = "PR0302"
	CodeJWKS               Code = "PR0303"
	CodeJWKSPrivate        Code = "PR0304"
	CodeJWKSBoth           Code = "PR0305"
	CodeHeaderName         Code = "PR0306"
	CodeTimeout            Code = "PR0307"
	CodeDryRunRequest      Code = "PR0308"
	CodeJWKSNoKey          Code = "PR0309"
	CodeJWKSUnused         Code = "PR0310"
	CodeDuplicateIssuer    Code = "PR0311"
	CodeDuplicateLocation  Code = "PR0312"
	CodeOutputHeader       Code = "PR0313"
	CodeJWKSAddress        Code = "PR0314"
	CodeDiscovery          Code = "PR0315"
	CodeClaimHeader        Code = "PR0316"
	CodeRulesMissing       Code = "PR0401"
	CodeProvider           Code = "PR0402"
	CodeEmptyRule          Code = "PR0403"
	CodeServiceAccount     Code = "PR0404"
	CodeTrustDomain        Code = "PR0405"
	CodeAddress            Code = "PR0406"
	CodePathTemplate       Code = "PR0407"
	CodeWhenKey            Code = "PR0408"
	CodeWhenValues         Code = "PR0409"
	CodeDryRun             Code = "PR0410"
	CodeTooMany            Code = "PR0411"
	CodeCustomRules        Code = "PR0412"
	CodeProviderName       Code = "PR0413"
	CodeCustomSource       Code = "PR0414"
	CodeCustomCondition    Code = "PR0415"
	CodeServiceAccountMix  Code = "PR0416"
	CodePathBraces         Code = "PR0417"
	CodeDenyTCP            Code = "PR0418"
	CodeInteriorWildcard   Code = "PR0419"
	CodeDeadPrincipal      Code = "PR0420"
	CodeHostPort           Code = "PR0421"
	CodeMethodCase         Code = "PR0422"
	CodeHostBits           Code = "PR0423"
	CodeSplitRule          Code = "PR0424"
	CodeDryRunActive       Code = "PR0425"
	CodePathShadowed       Code = "PR0426"
	CodeGateway            Code = "PR0501"
	CodeServerConflict     Code = "PR0502"
	CodeServerOverlap      Code = "PR0503"
	CodeServerTLS          Code = "PR0504"
	CodeCipherSuite        Code = "PR0505"
	CodeClientUnverified   Code = "PR0506"
	CodeClientUnasked      Code = "PR0507"
	CodeServerNameTaken    Code = "PR0508"
	CodeIdentityUnverified Code = "PR0509"
	CodeVirtualService     Code = "PR0601"
	CodeServerName         Code = "PR0602"
	CodeMatch              Code = "PR0603"
	CodeRedirect           Code = "PR0604"
	CodeRewrite            Code = "PR0605"
	CodeRetry              Code = "PR0606"
	CodeFault              Code = "PR0607"
	CodeMirror             Code = "PR0608"
	CodeCORS               Code = "PR0609"
	CodeHeaderOperation    Code = "PR0610"
	CodeDelegate           Code = "PR0611"
	CodeClaimRoute         Code = "PR0612"
	CodeRouteUnreachable   Code = "PR0613"
	CodeRouteIneffective   Code = "PR0614"
	CodeDeprecated         Code = "PR0615"
	CodeServiceEntry       Code = "PR0701"
	CodeNoEndpoints        Code = "PR0702"
	CodeNoResolution       Code = "PR0703"
	CodeWorkloadEntry      Code = "PR0704"
	CodeNoWorkload         Code = "PR0705"
	CodeKubernetes         Code = "PR0706"
	CodeServiceEndpoints   Code = "PR0707"
	CodeEndpointsUnowned   Code = "PR0708"
	CodeEndpointUnused     Code = "PR0709"
	CodeExportTo           Code = "PR0710"
	CodeComplement         Code = "PR0801"
	CodeMatching           Code = "PR0802"
	CodeDuplicateName      Code = "PR0901"
	CodeUnknownGateway     Code = "PR0902"
	CodeUnknownService     Code = "PR0903"
	CodeServerClosed       Code = "PR0904"
	CodeUnknownSubset      Code = "PR0905"
	CodeUnknownPort        Code = "PR0906"
	CodeServiceTwice       Code = "PR0907"
	CodeRuleUnused         Code = "PR0908"
	CodeSubsetEmpty        Code = "PR0909"
	CodeSelectorUnknown    Code = "PR0910"
	CodeTargetUnserved     Code = "PR0911"
	CodeTargetIgnored      Code = "PR0912"
	CodeNamespaceUnserved  Code = "PR0913"
	CodeNoAuthentication   Code = "PR0914"
	CodeUnknownIssuer      Code = "PR0915"
	CodePeerIdentity       Code = "PR0916"
	CodeHostUnserved       Code = "PR0917"
	CodeHostPortForm       Code = "PR0918"
	CodeIssuerElsewhere    Code = "PR0919"
	CodeHeaderElsewhere    Code = "PR0920"
	CodeTokenOptional      Code = "PR0921"
	CodeIgnoredCase        Code = "PR0922"
	CodePathForm           Code = "PR0923"
	CodeRemoteAddress      Code = "PR0924"
	CodeUnknownDelegate    Code = "PR0925"
	CodeDelegateConflict   Code = "PR0926"
	CodeClaimUnverified    Code = "PR0927"
	CodeClaimHeaderWritten Code = "PR0928"
	CodePreflight          Code = "PR0929"
	CodeUnknownProvider    Code = "PR0930"
	CodeProviderService    Code = "PR0931"
	CodeProviderPort       Code = "PR0932"
	CodeProviderProtocol   Code = "PR0933"
	CodeProviderAmbiguous  Code = "PR0934"
	CodeConnectionsClosed  Code = "PR0935"
	CodeTunnelMixed        Code = "PR0936"
	CodeTunnelUnused       Code = "PR0937"
	CodeDynamicUnbounded   Code = "PR0938"
	CodeMeshOnly           Code = "PR0946"
	CodeCertificateEvaded  Code = "PR0960"
	CodeRuleScopes         Code = "PR0961"
	CodeMesh               Code = "PR1001"
	CodeMeshName           Code = "PR1002"
	CodeMeshService        Code = "PR1003"
	CodeMeshStatus         Code = "PR1004"
	CodeMeshAuthorizer     Code = "PR1005"
	CodeMeshLogFormat      Code = "PR1006"
	CodeMeshForwardedCert  Code = "PR1007"
	CodeCredential         Code = "PR1101"
	CodeSecret             Code = "PR1102"
	CodeCertificate        Code = "PR1103"
	CodePrivateKey         Code = "PR1104"
	CodeKeyMismatch        Code = "PR1105"
	CodeWeakKey            Code = "PR1106"
	CodeSameAlgorithm      Code = "PR1107"
	CodeCertificateHost    Code = "PR1108"
	CodeExpired            Code = "PR1109"
	CodeExpiredServed      Code = "PR1110"
	CodeNotYetValid        Code = "PR1111"
	CodeAuthorityExpired   Code = "PR1112"
	CodeSecretNamespace    Code = "PR1113"
	CodeDestinationRule    Code = "PR1201"
	CodeNoIdentity         Code = "PR1202"
	CodeUnverified         Code = "PR1203"
	CodeSubsetTwice        Code = "PR1204"
	CodePassthroughLB      Code = "PR1205"
	CodeLocality           Code = "PR1206"
	CodeRuleTwice          Code = "PR1207"
	CodeTelemetryIdle      Code = "PR1301"
	CodeExpression         Code = "PR1302"
	CodeExpressionName     Code = "PR1303"
	CodeLogProvider        Code = "PR1304"
	CodeLogDefault         Code = "PR1305"
	CodeTelemetryShadowed  Code = "PR1306"
	CodeLogService         Code = "PR1307"
)

// Info is what the documentation says of a code.
type Info struct {
	Code     Code     `json:"code"`
	Severity Severity `json:"severity"`
	// Summary says what is wrong, in one line.
	Summary string `json:"summary"`
	// Accepted says what would be accepted instead.
	Accepted string `json:"accepted,omitempty"`
}

// Codes returns the table of all codes, ordered by code.
func Codes() []Info { //nolint:funlen // one table
	return []Info{
		{CodeRead, Error, "A file or directory could not be read.", "A readable file."},
		{CodeYAML, Error, "The text is not YAML.", "Well-formed YAML 1.2."},
		{CodeEmptyFile, Error, "The file holds no document.", "At least one object; to remove a policy, delete the file or the document."},
		{CodeDuplicateKey, Error, "A mapping has the same key twice.", "Each key once."},
		{CodeNotAnObject, Error, "The document is not an object with apiVersion, kind and metadata.name.", "A Kubernetes-style object."},
		{CodeEncoding, Error, "The file is not UTF-8 text.", "UTF-8 without NUL bytes."},
		{CodeAlias, Error, "A merge key, or an alias that contains itself, or aliases that grow without bound.", "Plain aliases, or the values written out."},
		{CodeUnknownKind, Error, "The API group is one of ours but the kind or version is not known.", "A supported kind and version."},
		{CodeForeignKind, Warning, "The object belongs to another API group and is ignored.", ""},
		{CodeUnknownField, Error, "The object has a field that its kind does not define.", "A field of that kind."},
		{CodeWrongType, Error, "A value does not have the type of its field.", "A value of the field's type."},
		{CodeMetadata, Error, "The object's metadata is not valid.", "A name and namespace that Kubernetes would accept."},
		{CodeUnsupported, Error, "The field is valid in Istio, but cannot be kept here or is not translated yet.", "Leave the field out."},
		{CodeSelector, Error, "A policy has more than one way to choose its workloads.", "One of selector, targetRef and targetRefs."},
		{CodeTargetRef, Error, "A targetRef is of a kind that no policy can have.", "A Gateway or GatewayClass of gateway.networking.k8s.io, a Service, or a ServiceEntry of networking.istio.io."},
		{CodeEmptyValue, Error, "A list or field has an empty value.", "A value that is not empty."},
		{CodePort, Error, "A number is not a port.", "1 to 65535; 0 to 65535 in an AuthorizationPolicy."},
		{CodeHost, Error, "A host is not valid.", "A host name, *.domain or *."},
		{CodeSelectorLabel, Error, "A label by which something is chosen has an empty key or a wildcard, or is not one that a workload can have.", "The label as the workload has it."},
		{CodeSelectorEmpty, Warning, "A selector is there but has no labels, so it selects every workload in its scope.", "Labels, or no selector."},
		{CodeTargetName, Error, "A targetRef does not name its target.", "The target's name."},
		{CodeTargetNamespace, Error, "A targetRef names a namespace.", "No namespace; the policy stands in the target's."},
		{CodeReservedAnnotation, Error, "An annotation is reserved for Istio's own use.", "No annotation of that name."},
		{CodeEnum, Error, "A value is not one of the names that its field takes.", "One of the names, spelt exactly so."},
		{CodeIgnoredField, Warning, "The field has no meaning on a gateway and is ignored.", "Leave the field out."},
		{CodeOneOf, Error, "Two things are written of which only one can be.", "One of them."},
		{CodeInertKind, Warning, "The kind is one of Istio's that a gateway on a stock Envoy cannot honour; the object is ignored, with the effect that the message names.", "Another kind that says the same, or nothing."},
		{CodeRefusedKind, Error, "An EnvoyFilter, or an extension in the phase AUTHN or AUTHZ, would be ignored, and with it whatever it guards.", "The other kinds; or --ignore with the kind, where nothing depends on it."},
		{CodeIssuer, Error, "A JWT rule says neither whose tokens it takes nor where the keys are.", "The iss claim of the tokens."},
		{CodeJWKSURI, Error, "A jwksUri is not the address of a key set.", "An http or https URL."},
		{CodeJWKS, Error, "A key set cannot be read, or a key in it is broken.", "A JSON Web Key Set: {\"keys\": [...]}."},
		{CodeJWKSPrivate, Warning, "A key set holds private or symmetric key material.", "Public keys only."},
		{CodeJWKSBoth, Error, "Both jwks and jwksUri are set.", "One of them."},
		{CodeHeaderName, Error, "A header name is not valid.", "Letters, digits, - and _."},
		{CodeTimeout, Error, "A timeout is not valid.", "Whole milliseconds, from 1ms to 1h."},
		{CodeDryRunRequest, Error, "An object that is no AuthorizationPolicy has the dry-run annotation.", "The annotation on an AuthorizationPolicy only."},
		{CodeJWKSNoKey, Error, "A key set has no key that Envoy can verify a token with.", "An RSA, EC (P-256, P-384, P-521), Ed25519 or oct key."},
		{CodeJWKSUnused, Warning, "A key set holds a key that Envoy cannot use beside others that it can.", "Keys for RS, PS, ES, HS or EdDSA."},
		{CodeDuplicateIssuer, Warning, "Two rules of one object have the same issuer; a token that satisfies either is accepted.", "One rule for each issuer."},
		{CodeDuplicateLocation, Warning, "A rule names the same place of a token twice.", "Each place once."},
		{CodeOutputHeader, Warning, "Two outputs of a rule write the same header.", "A header for each output."},
		{CodeJWKSAddress, Error, "Keys would be fetched from a link-local or metadata address.", "The issuer's own address."},
		{CodeDiscovery, Warning, "A rule names no keys, and its issuer is not an address at which they could be found; every token of it is refused.", "jwks, jwksUri, or an issuer that is an http or https URL."},
		{CodeClaimHeader, Error, "Claims are written to a header that tokens are read from.", "A header of their own."},
		{CodeRulesMissing, Error, "A DENY policy has no rules.", "rules: [{}] to deny everything."},
		{CodeProvider, Error, "A provider is set although the action is not CUSTOM.", "No provider."},
		{CodeEmptyRule, Error, "A source or operation has no field, or a list of them no entry.", "At least one field, or no list."},
		{CodeServiceAccount, Error, "A service account is not valid.", "name or namespace/name, at most 320 characters, no wildcard."},
		{CodeTrustDomain, Error, "A trust domain is not valid.", "A name with at most one *, first or last, and no /."},
		{CodeAddress, Error, "A value is neither an IP address nor a block.", "10.1.2.3 or 10.0.0.0/8."},
		{CodePathTemplate, Error, "A path template has a segment or an order of operators that it cannot have.", "Plain segments, {*}, and one {**} after which no operator follows."},
		{CodeWhenKey, Error, "A condition has a key that does not exist.", "A key of Istio's conditions."},
		{CodeWhenValues, Error, "A condition has no key, or neither values nor notValues.", "A key and values or notValues."},
		{CodeDryRun, Error, "The dry-run annotation is not valid here.", "\"true\" or \"false\" on an ALLOW or DENY policy."},
		{CodeTooMany, Error, "A list is longer than the API allows, or a value longer than Envoy takes.", "A shorter list, or several objects."},
		{CodeCustomRules, Error, "A CUSTOM policy has no rules.", "rules: [{}] to ask the provider about every request."},
		{CodeProviderName, Error, "A CUSTOM policy does not name its provider.", "provider.name."},
		{CodeCustomSource, Error, "A CUSTOM policy uses an identity that is not known before its provider is asked.", "ipBlocks, remoteIpBlocks, hosts, ports, methods and paths."},
		{CodeCustomCondition, Error, "A CUSTOM policy has a condition on an identity that is not known before its provider is asked.", "A key that is not about an identity."},
		{CodeServiceAccountMix, Error, "serviceAccounts stand beside principals or namespaces.", "One of them."},
		{CodePathBraces, Error, "A path has braces that are not a whole segment {*} or {**}.", "/users/{*}/{**}."},
		{CodeDenyTCP, Warning, "A DENY rule has only HTTP fields, which a TCP or TLS server cannot see: there it denies every connection.", "ports in the operation."},
		{CodeInteriorWildcard, Warning, "A value has a * that is not its first or last character and so stands for itself.", "One *, first or last; {*} and {**} in paths."},
		{CodeDeadPrincipal, Warning, "A request principal has a form that no token can match.", "issuer/subject, issuer/* or */subject."},
		{CodeHostPort, Warning, "A host begins with * and ends with :*, which matches no port but a literal *.", "The host with and without each port."},
		{CodeMethodCase, Warning, "A method is not in upper case; methods are compared with regard to case.", "GET, POST, ..."},
		{CodeHostBits, Warning, "An address block has bits behind its prefix, which Envoy ignores.", "The first address of the block."},
		{CodeSplitRule, Warning, "A policy has a rule with only from beside a rule with only to; a request that satisfies either matches.", "from and to in one entry of rules where both are meant."},
		{CodeDryRunActive, Warning, "A policy is a dry run: it reports and enforces nothing.", "No annotation istio.io/dry-run, once the policy is to count."},
		{CodePathShadowed, Warning, "A path is matched by another entry of the same list already.", "One of the two."},
		{CodeGateway, Error, "A Gateway is not valid.", "Servers with port, protocol and hosts."},
		{CodeServerConflict, Error, "Two servers of the same gateways cannot be on one port: HTTP beside TCP or TLS, two of plain TCP, or two of HTTPS or TLS with the same name.", "A port, bind or name for each."},
		{CodeServerOverlap, Warning, "Two servers cannot be on one port of a gateway that has the labels of both; it would serve the first only.", "A port for each."},
		{CodeServerTLS, Error, "The TLS settings of a server do not fit together or have a value that would not work.", "See the message."},
		{CodeCipherSuite, Warning, "A cipher suite is not one that Envoy knows, or stands twice, and is left out; or none is named for old versions of TLS.", "Envoy's names, such as ECDHE-RSA-AES128-GCM-SHA256, each once."},
		{CodeClientUnverified, Warning, "A server takes client certificates that nobody has verified: a client can claim any identity.", "No insecureSkipVerify."},
		{CodeClientUnasked, Error, "A server says which client certificates it takes but asks for none.", "tls.mode MUTUAL or OPTIONAL_MUTUAL."},
		{CodeServerNameTaken, Warning, "A tls route has a name that another server of the same port ends TLS for; the route is not used for it.", "A name for each."},
		{CodeIdentityUnverified, Error, "A policy is about the identity of the peer at a server that takes certificates which nobody has verified.", "No insecureSkipVerify, or a policy for other workloads."},
		{CodeVirtualService, Error, "A VirtualService is not valid.", "Hosts, and routes with a destination or an answer."},
		{CodeServerName, Error, "A tls route has no name that clients ask for, or one that its VirtualService does not have.", "sniHosts that are among the hosts."},
		{CodeMatch, Error, "A match of an HTTP route is not valid.", "Names of headers, parameters and namespaces."},
		{CodeRedirect, Error, "A redirect is not valid.", "uri or prefixRewrite, authority, scheme or port; 301, 302, 303, 307 or 308."},
		{CodeRewrite, Error, "A rewrite is not valid.", "uri or uriRegexRewrite, or authority."},
		{CodeRetry, Error, "A retry policy is not valid.", "attempts of at least 1, and conditions that Envoy knows."},
		{CodeFault, Error, "A fault is not valid.", "delay or abort, with a percentage."},
		{CodeMirror, Error, "A mirror is not valid.", "mirrors, each with a destination and a percentage of 0 to 100."},
		{CodeCORS, Error, "A CORS policy is not valid.", "Origins, methods, names of headers, whole seconds."},
		{CodeHeaderOperation, Error, "A route would change a header that it cannot change, or to a value that Envoy refuses.", "The name of a header; Host in request; command operators that Envoy knows."},
		{CodeDelegate, Error, "A delegate, or what delegates to it, is not valid.", "A VirtualService without hosts, gateways, tls and tcp; one level."},
		{CodeClaimRoute, Error, "A match of a claim is not valid, or stands where no gateway has verified a token.", "@request.auth.claims[name] in a VirtualService whose gateways are Gateways."},
		{CodeRouteUnreachable, Warning, "An earlier match takes every request that a later one would.", "The more particular match first."},
		{CodeRouteIneffective, Warning, "A part of a route has no effect.", "The value that is missing, or leave it out."},
		{CodeDeprecated, Warning, "A field is deprecated; it still counts.", "The field that has taken its place."},
		{CodeServiceEntry, Error, "A ServiceEntry is not valid.", "Hosts, ports, and endpoints that fit the resolution."},
		{CodeNoEndpoints, Warning, "A ServiceEntry has no ports, or with resolution STATIC no endpoints; routes to it answer 503.", "Ports and endpoints."},
		{CodeNoResolution, Warning, "A ServiceEntry has the resolution NONE; a gateway has no endpoints for it, and routes to it answer 503.", "The resolution STATIC or DNS."},
		{CodeWorkloadEntry, Error, "A WorkloadEntry is not valid.", "An address that fits the ServiceEntries that select it."},
		{CodeNoWorkload, Warning, "A ServiceEntry selects no WorkloadEntry; routes to it answer 503.", "The labels of a WorkloadEntry in the same namespace."},
		{CodeKubernetes, Error, "A Service, EndpointSlice or Endpoints of Kubernetes is not valid.", "What Kubernetes accepts."},
		{CodeServiceEndpoints, Warning, "A port of a Kubernetes Service has no endpoints; routes to it answer 503.", "An EndpointSlice or Endpoints for the Service, or WorkloadEntries that it selects."},
		{CodeEndpointsUnowned, Warning, "An EndpointSlice or Endpoints belongs to no Service, so nothing is sent to it.", "A Service of that name in the same namespace."},
		{CodeEndpointUnused, Warning, "Endpoints cannot be used by a gateway.", "IP addresses."},
		{CodeExportTo, Error, "An exportTo does not name a namespace.", "\"*\", \".\", \"~\" or the name of a namespace."},
		{CodeComplement, Error, "The complement of a JWTPolicy's rules needs too many rules.", "Fewer rules or fewer dimensions in each."},
		{CodeMatching, Error, "A JWTPolicy does not say which requests need a token.", "A mode, and allRequests or rules."},
		{CodeDuplicateName, Error, "Two documents define the same object.", "Each object once."},
		{CodeUnknownGateway, Warning, "A VirtualService names a Gateway that no document defines.", "The name of a Gateway, as name or namespace/name."},
		{CodeUnknownService, Warning, "A route leads to a host that no service defines; it answers 503, or closes the connection.", "The host of a ServiceEntry."},
		{CodeServerClosed, Warning, "A DENY rule with only HTTP fields applies to a gateway that has a TCP or TLS server; there it denies every connection.", "ports in the operation, or a policy for other workloads."},
		{CodeUnknownSubset, Warning, "A route leads to a subset that no DestinationRule of its host defines; it answers 503, or closes the connection.", "The name of a subset."},
		{CodeUnknownPort, Warning, "A route leads to a port that its service does not have; it answers 503, or closes the connection.", "The number of a port of the service."},
		{CodeServiceTwice, Warning, "Two objects of a namespace define one host and differ; the later one does not count where they do.", "One of them, or the same resolution and protocol in both."},
		{CodeRuleUnused, Warning, "A DestinationRule is for a host that no service defines.", "The host of a service; a short name is completed by the DestinationRule's own namespace."},
		{CodeSubsetEmpty, Warning, "A subset matches none of its service's endpoints; routes to it answer 503.", "Labels that endpoints have."},
		{CodeSelectorUnknown, Warning, "A policy selects by a label that no Gateway selects by.", "The labels of the gateways, as Gateways select them."},
		{CodeTargetUnserved, Warning, "A targetRef names a Gateway whose workloads no Gateway of these files selects.", "A selector, or the value of the label gateway.networking.k8s.io/gateway-name."},
		{CodeTargetIgnored, Warning, "A targetRef is of a kind that a gateway never is, so it adds no gateway to the policy.", "kind: Gateway, or a selector."},
		{CodeNamespaceUnserved, Warning, "A policy stands in a namespace that has no Gateway and is not the root namespace.", "The gateways' namespace, or the root namespace."},
		{CodeNoAuthentication, Warning, "A policy is about tokens and no RequestAuthentication can apply where it does.", "A RequestAuthentication with the same selector."},
		{CodeUnknownIssuer, Warning, "A request principal has an issuer that no JWT rule has.", "The issuer as the JWT rule has it."},
		{CodePeerIdentity, Warning, "A policy is about the identity of the peer on a gateway that asks for no client certificate; not... fields always match there.", "requestPrincipals or addresses, or a server with client certificates."},
		{CodeHostUnserved, Warning, "A policy names a host that no Gateway serves.", "A host of a Gateway's server."},
		{CodeHostPortForm, Warning, "A host in a DENY rule, or among the exceptions of another, does not match when the client adds a port.", "The host and the host with :*."},
		{CodeIssuerElsewhere, Warning, "Two objects for one gateway have the same issuer; a token that satisfies either is accepted.", "One rule for each issuer."},
		{CodeHeaderElsewhere, Warning, "Two objects for one gateway write the same header from a token.", "A header for each output."},
		{CodeTokenOptional, Warning, "Tokens are verified where they come, but nothing asks for one; requests without a token pass.", "An AuthorizationPolicy about requestPrincipals, or presence: REQUIRED."},
		{CodeIgnoredCase, Warning, "A rule about paths guards routes that ignore upper and lower case; it does not.", "Routes that do not ignore case, or an ALLOW policy."},
		{CodePathForm, Warning, "The mesh configuration lets paths through that are written another way than rules about paths.", "DECODE_AND_MERGE_SLASHES."},
		{CodeRemoteAddress, Warning, "A policy is about the address before trusted proxies and no proxy is trusted; it is the connection's address.", "gatewayTopology.numTrustedProxies, or ipBlocks."},
		{CodeUnknownDelegate, Warning, "A route delegates to a VirtualService that is not there, has hosts, or is not exported to its namespace; the route is left out.", "The name of a VirtualService without hosts."},
		{CodeDelegateConflict, Warning, "A match of a delegate's route contradicts the match of the route that delegates; the delegate's route is left out.", "A match within the other."},
		{CodeClaimUnverified, Warning, "A route matches a claim on a gateway to which no RequestAuthentication applies; no request has claims there.", "A RequestAuthentication for the gateway."},
		{CodeClaimHeaderWritten, Error, "A route writes what a client sent to a header that hands claims to backends.", "A header of its own, or a fixed value."},
		{CodePreflight, Warning, "A route answers CORS preflights, which a policy about tokens or identities refuses before.", "An exemption for the method OPTIONS."},
		{CodeUnknownProvider, Error, "A CUSTOM policy names a provider that is no external authorizer of the mesh configuration.", "The name of an envoyExtAuthzHttp or envoyExtAuthzGrpc provider."},
		{CodeProviderService, Warning, "No service defines the service of a provider; every request that asks it is refused.", "The host of a ServiceEntry."},
		{CodeProviderPort, Warning, "The service of a provider does not have the provider's port; every request that asks it is refused.", "The number of a port of the ServiceEntry."},
		{CodeProviderProtocol, Warning, "The port of a gRPC provider has another protocol, so the provider is not spoken to in gRPC.", "protocol: GRPC or HTTP2 in the ServiceEntry."},
		{CodeProviderAmbiguous, Warning, "Several namespaces define the service of a provider; every request that asks it is refused.", "namespace/host, with the namespace that is meant."},
		{CodeConnectionsClosed, Warning, "A policy about requests applies to a gateway that has a TCP or TLS passthrough server; what it does to the connections there is mostly not meant.", "A policy for other workloads, or rules for connections too."},
		{CodeTunnelMixed, Warning, "The destinations of a route of connections are not tunnelled alike; its connections are closed.", "One tunnel for all destinations of a route."},
		{CodeTunnelUnused, Warning, "A route of requests leads to a host with a tunnel, which is for routes of connections; the requests are not tunnelled.", "A tcp or tls route, or a DestinationRule without tunnel."},
		{CodeDynamicUnbounded, Warning, "A route to a host with the resolution DYNAMIC_DNS is not bounded by the host's wildcard; it is not served.", "One destination, and names within the wildcard."},
		{CodeMeshOnly, Warning, "A VirtualService names no Gateway, so it is for the sidecars of a mesh; it does nothing on a gateway.", "gateways, with the name of a Gateway."},
		{CodeCertificateEvaded, Warning, "A host that a server demands a client certificate for is answered for by a server of another port without one.", "httpsRedirect, other hosts on the other server, or a VirtualService for each."},
		{CodeRuleScopes, Warning, "Two DestinationRules of a namespace for one host have different exportTo; a gateway that sees both takes nothing of the one whose exportTo came up first.", "The same exportTo in both, or namespaces that do not overlap."},
		{CodeMesh, Error, "The mesh configuration is not one bare MeshConfig.", "The fields of MeshConfig at the top level of one document."},
		{CodeMeshName, Error, "A namespace, trust domain or provider name of the mesh configuration is not valid, or two providers have one name.", "Lower-case letters, digits and -, each provider name once."},
		{CodeMeshService, Error, "The service of an extension provider is not valid.", "host or namespace/host."},
		{CodeMeshStatus, Error, "A statusOnError is not the decimal number of an HTTP status that Envoy can answer with.", "\"403\", \"503\", ..."},
		{CodeMeshAuthorizer, Error, "A field of an external authorizer has a value that would not work.", "See the message."},
		{CodeMeshLogFormat, Error, "An access log format is not one that Envoy can write.", "Envoy's command operators, as %RESPONSE_CODE%; with the encoding JSON, a JSON object."},
		{CodeMeshForwardedCert, Warning, "Backends are handed whatever a client writes into the header x-forwarded-client-cert.", "SANITIZE_SET, which is the default."},
		{CodeCredential, Error, "A Gateway or DestinationRule names a credential that is not there in the namespace of the gateway.", "A Secret in the gateway's namespace, or a directory of that name below --secrets-dir."},
		{CodeSecret, Error, "A Secret that a Gateway or DestinationRule names cannot be read or lacks what it is named for.", "tls.crt and tls.key, or cert and key; ca.crt or cacert to verify clients or backends with."},
		{CodeCertificate, Error, "A certificate or revocation list is missing or cannot be read.", "PEM text."},
		{CodePrivateKey, Error, "A private key is missing or cannot be read.", "An RSA, ECDSA or Ed25519 key in PEM, without a passphrase."},
		{CodeKeyMismatch, Error, "A private key is not that of its certificate.", "The key that the certificate was made for."},
		{CodeWeakKey, Error, "A certificate has a key that Envoy does not take.", "RSA of at least 2048 bits, ECDSA on P-256, P-384 or P-521, or Ed25519."},
		{CodeSameAlgorithm, Warning, "A server has two certificates of the same algorithm; clients are mostly given one of them only.", "One RSA and one ECDSA certificate."},
		{CodeCertificateHost, Warning, "A server's certificate is not for a host of the server.", "A certificate with the host among its names."},
		{CodeExpired, Error, "A certificate has expired.", "A certificate that is valid."},
		{CodeExpiredServed, Warning, "A certificate that is being served has expired.", "A certificate that is valid."},
		{CodeNotYetValid, Warning, "A certificate is not valid yet; clients refuse it until then.", "A certificate that is valid."},
		{CodeAuthorityExpired, Warning, "The certificate of an authority is not valid at this time; clients and backends with certificates of it are refused.", "An authority that is valid."},
		{CodeSecretNamespace, Warning, "A Secret that a Gateway or DestinationRule names has no namespace and so is for gateways that run in default.", "The namespace in which the gateways run."},
		{CodeDestinationRule, Error, "A DestinationRule, or what the mesh says in its place, is not valid.", "What Istio accepts."},
		{CodeNoIdentity, Warning, "A DestinationRule asks for ISTIO_MUTUAL, for which a gateway has no identity; the host is spoken to in plain text.", "SIMPLE or MUTUAL; DISABLE where plain text is meant."},
		{CodeUnverified, Warning, "A DestinationRule switches off the verification of a backend's certificate.", "caCertificates."},
		{CodeSubsetTwice, Warning, "Two subsets of one host have the same name; the first counts.", "A name for each."},
		{CodePassthroughLB, Warning, "The load balancer PASSTHROUGH finds no endpoint on a gateway; requests answer 503.", "Another load balancer."},
		{CodeLocality, Warning, "A setting about localities has no effect.", "outlierDetection for a failover; endpoints and gateways with a locality."},
		{CodeRuleTwice, Warning, "Two DestinationRules of a namespace have a trafficPolicy for one host; the older one counts.", "One of them."},
		{CodeTelemetryIdle, Warning, "The tracing or metrics of a Telemetry have no effect on these gateways.", ""},
		{CodeExpression, Error, "The expression of an access log's filter is not one that Envoy can read.", "A CEL expression without loops, such as response.code >= 400."},
		{CodeExpressionName, Warning, "The expression of an access log's filter names something that no request has; what depends on it is never logged.", "An attribute of Envoy, such as request.path, response.code or connection.mtls."},
		{CodeLogProvider, Warning, "A Telemetry, or the mesh configuration's default, names a provider that is no access log of the mesh configuration; it logs nothing there.", "envoy, or the name of an envoyFileAccessLog, envoyHttpAls, envoyTcpAls or envoyOtelAls provider."},
		{CodeLogDefault, Warning, "An entry of accessLogging names no provider and there is no default one; it has no effect.", "providers, or defaultProviders.accessLogging in the mesh configuration."},
		{CodeTelemetryShadowed, Warning, "Two Telemetry objects are for the same workloads; only the older one counts.", "One object with both."},
		{CodeLogService, Warning, "No service with that port is defined for a provider of access logs that a gateway has to send to; it is left out.", "The host of a ServiceEntry, and one of its ports with the protocol GRPC."},
	}
}

// severities is the table by code. It is never written again; a large directory has tens
// of thousands of findings, for which the table is too much to build each time.
var severities = sync.OnceValue(func() map[Code]Severity { //nolint:gochecknoglobals // computed once, a constant
	out := map[Code]Severity{}
	for _, i := range Codes() {
		out[i.Code] = i.Severity
	}
	return out
})

// Severity returns the severity that the table gives the code; an unknown code is an Error.
func (c Code) Severity() Severity {
	if s, ok := severities()[c]; ok {
		return s
	}
	return Error
}
