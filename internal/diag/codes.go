package diag

import "slices"

// Code names a kind of finding. Codes are stable and never reused.
type Code string

// The codes. Each has a row in the table below.
const (
	CodeRead           Code = "PR0101"
	CodeYAML           Code = "PR0102"
	CodeEmptyFile      Code = "PR0103"
	CodeDuplicateKey   Code = "PR0104"
	CodeNotAnObject    Code = "PR0105"
	CodeUnknownKind    Code = "PR0201"
	CodeForeignKind    Code = "PR0202"
	CodeUnknownField   Code = "PR0203"
	CodeWrongType      Code = "PR0204"
	CodeMetadata       Code = "PR0205"
	CodeUnsupported    Code = "PR0206"
	CodeSelector       Code = "PR0207"
	CodeTargetRef      Code = "PR0208"
	CodeEmptyValue     Code = "PR0209"
	CodePort           Code = "PR0210"
	CodeHost           Code = "PR0211"
	CodeIssuer         Code = "PR0301"
	CodeJWKSURI        Code = "PR0302"
	CodeJWKS           Code = "PR0303"
	CodeJWKSPrivate    Code = "PR0304"
	CodeJWKSBoth       Code = "PR0305"
	CodeHeaderName     Code = "PR0306"
	CodeTimeout        Code = "PR0307"
	CodeRulesMissing   Code = "PR0401"
	CodeProvider       Code = "PR0402"
	CodeEmptyRule      Code = "PR0403"
	CodeServiceAccount Code = "PR0404"
	CodeTrustDomain    Code = "PR0405"
	CodeAddress        Code = "PR0406"
	CodePathTemplate   Code = "PR0407"
	CodeWhenKey        Code = "PR0408"
	CodeWhenValues     Code = "PR0409"
	CodeDryRun         Code = "PR0410"
	CodeTooMany        Code = "PR0411"
	CodeGateway        Code = "PR0501"
	CodeVirtualService Code = "PR0601"
	CodeServiceEntry   Code = "PR0701"
	CodeComplement     Code = "PR0801"
	CodeMatching       Code = "PR0802"
	CodeDuplicateName  Code = "PR0901"
	CodeUnknownGateway Code = "PR0902"
	CodeUnknownService Code = "PR0903"
)

// Info is what the documentation says of a code.
type Info struct {
	Code     Code
	Severity Severity
	// Summary says what is wrong, in one line.
	Summary string
	// Accepted says what would be accepted instead.
	Accepted string
}

// Codes returns the table of all codes, ordered by code.
func Codes() []Info {
	return []Info{
		{CodeRead, Error, "A file or directory could not be read.", "A readable file."},
		{CodeYAML, Error, "The text is not YAML.", "Well-formed YAML 1.2."},
		{CodeEmptyFile, Error, "The file holds no document.", "At least one object; to remove a policy, delete the file or the document."},
		{CodeDuplicateKey, Error, "A mapping has the same key twice.", "Each key once."},
		{CodeNotAnObject, Error, "The document is not an object with apiVersion, kind and metadata.name.", "A Kubernetes-style object."},
		{CodeUnknownKind, Error, "The API group is one of ours but the kind or version is not known.", "A supported kind and version."},
		{CodeForeignKind, Warning, "The object belongs to another API group and is ignored.", ""},
		{CodeUnknownField, Error, "The object has a field that its kind does not define.", "A field of that kind."},
		{CodeWrongType, Error, "A value does not have the type of its field.", "A value of the field's type."},
		{CodeMetadata, Error, "The object's metadata is not valid.", "A name and namespace that Kubernetes would accept."},
		{CodeUnsupported, Error, "The field is valid in Istio but is not translated yet.", "Leave the field out."},
		{CodeSelector, Error, "A selector is not valid, or a policy has more than one way to choose workloads.", "Labels without wildcards, in one selector."},
		{CodeTargetRef, Error, "A targetRef is not one that a policy can have.", "A Gateway of gateway.networking.k8s.io by name."},
		{CodeEmptyValue, Error, "A list or field has an empty value.", "A value that is not empty."},
		{CodePort, Error, "A number is not a port.", "1 to 65535."},
		{CodeHost, Error, "A host is not valid.", "A host name, *.domain or *."},
		{CodeIssuer, Error, "A JWT rule says neither whose tokens it takes nor where the keys are.", "The iss claim of the tokens."},
		{CodeJWKSURI, Error, "A jwksUri is not the address of a key set.", "An http or https URL."},
		{CodeJWKS, Error, "A key set cannot be read or has no key.", "A JSON Web Key Set with public keys."},
		{CodeJWKSPrivate, Warning, "A key set holds private or symmetric key material.", "Public keys only."},
		{CodeJWKSBoth, Error, "Both jwks and jwksUri are set.", "One of them."},
		{CodeHeaderName, Error, "A header name is not valid.", "Letters, digits, - and _."},
		{CodeTimeout, Error, "A timeout is not valid.", "Whole milliseconds, at least 1."},
		{CodeRulesMissing, Error, "A DENY policy has no rules.", "rules: [{}] to deny everything."},
		{CodeProvider, Error, "A provider is set although the action is not CUSTOM.", "No provider."},
		{CodeEmptyRule, Error, "A source or operation has no field.", "At least one field."},
		{CodeServiceAccount, Error, "A service account is not valid.", "name or namespace/name."},
		{CodeTrustDomain, Error, "A trust domain is not valid.", "A name with at most one *, first or last."},
		{CodeAddress, Error, "A value is neither an IP address nor a block.", "10.1.2.3 or 10.0.0.0/8."},
		{CodePathTemplate, Error, "A path template is not valid.", "Whole segments {*} and {**}."},
		{CodeWhenKey, Error, "A condition has a key that does not exist.", "A key of Istio's conditions."},
		{CodeWhenValues, Error, "A condition has no values.", "values or notValues."},
		{CodeDryRun, Error, "The dry-run annotation is not valid here.", "\"true\" on an ALLOW or DENY policy."},
		{CodeTooMany, Error, "A list is longer than the API allows.", "A shorter list."},
		{CodeGateway, Error, "A Gateway is not valid.", "Servers with port, protocol and hosts."},
		{CodeVirtualService, Error, "A VirtualService is not valid.", "Hosts, and HTTP routes with a destination or an answer."},
		{CodeServiceEntry, Error, "A ServiceEntry is not valid.", "Hosts, ports, and endpoints that fit the resolution."},
		{CodeComplement, Error, "The complement of a JWTPolicy's rules needs too many rules.", "Fewer rules or fewer dimensions in each."},
		{CodeMatching, Error, "A JWTPolicy does not say which requests need a token.", "A mode, and allRequests or rules."},
		{CodeDuplicateName, Error, "Two documents define the same object.", "Each object once."},
		{CodeUnknownGateway, Warning, "A VirtualService names a Gateway that no document defines.", "The name of a Gateway, as name or namespace/name."},
		{CodeUnknownService, Warning, "A route leads to a host that no service defines; it answers 503.", "The host of a ServiceEntry."},
	}
}

// Severity returns the severity that the table gives the code; an unknown code is an Error.
func (c Code) Severity() Severity {
	table := Codes()
	i := slices.IndexFunc(table, func(i Info) bool { return i.Code == c })
	if i < 0 {
		return Error
	}
	return table[i].Severity
}
