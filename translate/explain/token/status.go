package token

// status is what Envoy makes of a token, or of a requirement.
type status int

const (
	ok status = iota
	missing
	notYetValid
	expired
	badFormat
	headerBadBase64
	headerBadJSON
	headerBadAlg
	headerAlgUnknown
	headerBadKid
	payloadBadBase64
	payloadBadJSON
	issNotString
	subNotString
	iatNotInteger
	iatOutOfRange
	nbfNotInteger
	nbfOutOfRange
	expNotInteger
	expOutOfRange
	jtiNotString
	audNotString
	signatureBadBase64
	signatureWrongLength
	unknownIssuer
	audienceNotAllowed
	verificationFails
	noValidKeys
	noMatchingKey
	// unsureSignature is a refusal because of the signature, of which no more is known.
	unsureSignature
	// unsure is a refusal of a token that is there, of which no more is known.
	unsure
)

// text is the body of a refusal, which is Envoy's; empty where it is not known.
func (s status) text() string {
	switch s {
	case ok:
		return "OK"
	case missing:
		return "Jwt is missing"
	case notYetValid:
		return "Jwt not yet valid"
	case expired:
		return "Jwt is expired"
	case unknownIssuer:
		return "Jwt issuer is not configured"
	case audienceNotAllowed:
		return "Audiences in Jwt are not allowed"
	case verificationFails:
		return "Jwt verification fails"
	case noValidKeys:
		return "Jwks doesn't have any valid public key"
	case noMatchingKey:
		return "Jwks doesn't have key to match kid or alg from Jwt"
	default:
		return s.formText()
	}
}

// formText is the body of a refusal because of the token's form.
func (s status) formText() string {
	switch s {
	case badFormat:
		return "Jwt is not in the form of Header.Payload.Signature with two dots and 3 sections"
	case headerBadBase64:
		return "Jwt header is an invalid Base64url encoded"
	case headerBadJSON:
		return "Jwt header is an invalid JSON"
	case headerBadAlg:
		return "Jwt header [alg] field is required and must be a string"
	case headerAlgUnknown:
		return "Jwt header [alg] is not supported"
	case headerBadKid:
		return "Jwt header [kid] field is not a string"
	case payloadBadBase64:
		return "Jwt payload is an invalid Base64url encoded"
	case payloadBadJSON:
		return "Jwt payload is an invalid JSON"
	case signatureBadBase64:
		return "Jwt signature is an invalid Base64url encoded"
	case signatureWrongLength:
		return "Jwt ED25519 signature is wrong length"
	default:
		return s.claimText()
	}
}

// claimText is the body of a refusal because of the type of a claim.
func (s status) claimText() string {
	switch s {
	case issNotString:
		return "Jwt payload [iss] field is not a string"
	case subNotString:
		return "Jwt payload [sub] field is not a string"
	case iatNotInteger:
		return "Jwt payload [iat] field is not an integer"
	case iatOutOfRange:
		return "Jwt payload [iat] field is not a positive 64 bit integer"
	case nbfNotInteger:
		return "Jwt payload [nbf] field is not an integer"
	case nbfOutOfRange:
		return "Jwt payload [nbf] field is not a positive 64 bit integer"
	case expNotInteger:
		return "Jwt payload [exp] field is not an integer"
	case expOutOfRange:
		return "Jwt payload [exp] field is not a positive 64 bit integer"
	case jtiNotString:
		return "Jwt payload [jti] field is not a string"
	case audNotString:
		return "Jwt payload [aud] field is not a string or string list"
	default:
		return ""
	}
}
