package resource

// valueChecker checks what more than one kind has: a host, a port, a duration, a list of names.
// Every checker of a kind embeds one.
type valueChecker struct{ *reporter }
