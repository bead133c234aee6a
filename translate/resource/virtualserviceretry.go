package resource

import (
	"slices"
	"strconv"
	"strings"

	networkingv1alpha3 "istio.io/api/networking/v1alpha3"

	"github.com/portreeve/portreeve/translate/diag"
)

// retryChecker checks retries, of an HTTP route or of the mesh configuration.
type retryChecker struct{ valueChecker }

// retries checks when and how often a request is sent again.
func (c retryChecker) retries(path Path, r *networkingv1alpha3.HTTPRetry) {
	if r == nil {
		return
	}
	if r.GetAttempts() < 0 {
		c.add(diag.CodeRetry, path.Field("attempts"), "%d attempts are not possible", r.GetAttempts()).WithHint("0 for no retries, or more")
	}
	if r.GetAttempts() == 0 {
		for _, field := range []string{"perTryTimeout", "retryOn", "retryRemoteLocalities"} {
			if at := path.Field(field); c.written(at) && (field != "retryOn" || r.GetRetryOn() != "") {
				c.addKey(diag.CodeRetry, at, "%s is set although attempts is 0, which means no retries", at).WithHint("give attempts a number, or leave %s out", field)
			}
		}
	}
	c.duration(path.Field("perTryTimeout"), r.GetPerTryTimeout())
	c.duration(path.Field("backoff"), r.GetBackoff())
	c.retryOn(path.Field("retryOn"), r.GetRetryOn())
}

// retryOn checks the conditions. Envoy ignores one that it does not know.
func (c retryChecker) retryOn(path Path, text string) {
	if parts := strings.Split(text, ","); text != "" && (slices.Contains(parts, "") || strings.ContainsAny(text, " \t")) {
		c.add(diag.CodeRetry, path, "%q has an empty condition or a space", text).WithHint("conditions with a comma between them, and nothing else")
	}
	_, conditions := RetryOn(text)
	for _, condition := range conditions {
		if slices.Contains(retryConditions(), condition) {
			continue
		}
		hint := "a status, or one of " + strings.Join(retryConditions(), ", ")
		if near := closest(condition, retryConditions()); near != "" {
			hint = "did you mean " + near + "?"
		}
		c.add(diag.CodeRetry, path, "%q is not a condition to retry on", condition).WithHint("%s", hint)
	}
}

// retryConditions are those of Envoy for HTTP and gRPC.
func retryConditions() []string {
	return []string{"5xx", "gateway-error", "reset", "reset-before-request", "connect-failure", "retriable-4xx", "refused-stream",
		"retriable-status-codes", "retriable-headers", "envoy-ratelimited", "http3-post-connect-failure",
		"cancelled", "deadline-exceeded", "internal", "resource-exhausted", "unavailable"}
}

// RetryOn splits retryOn into the HTTP statuses and the other conditions that it lists.
func RetryOn(text string) (statuses []uint32, conditions []string) {
	for part := range strings.SplitSeq(text, ",") {
		part = strings.TrimSpace(part)
		if n, err := strconv.ParseUint(part, 10, 16); err == nil && hasName(n) {
			statuses = append(statuses, uint32(n))
		} else if part != "" {
			conditions = append(conditions, part)
		}
	}
	return statuses, conditions
}

// hasName reports the statuses that have a name, which are those that Istio takes.
func hasName(n uint64) bool {
	for _, span := range [][2]uint64{{100, 103}, {200, 208}, {226, 226}, {300, 305}, {307, 308}, {400, 418}, {421, 426}, {428, 429}, {431, 431}, {451, 451}, {500, 508}, {510, 511}} {
		if span[0] <= n && n <= span[1] {
			return true
		}
	}
	return false
}
