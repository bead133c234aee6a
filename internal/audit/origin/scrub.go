package origin

import "regexp"

// secret is what a message of Envoy's may quote of what it was sent, or of what a request brought: private keys in PEM,
// tokens, the private or symmetric members of a JSON Web Key, and who an address is asked as. It takes away too much rather than too little.
var secret = regexp.MustCompile(`(?s)-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)` +
	`|eyJ[A-Za-z0-9_-]{8,}[A-Za-z0-9_.=-]*` +
	`|\\*"(?:k|d|p|q|dp|dq|qi)\\*"\s*:\s*\\*"[^"\\]*` +
	`|://[^/\s@]*@` +
	`|(?i:\b(?:bearer|basic)\s+[A-Za-z0-9._~+/=-]{4,})`)

// scrubbed returns a text of a gateway, or of a command line, without what could be secret in it.
func scrubbed(text string) string { return secret.ReplaceAllString(text, "[redacted]") }
