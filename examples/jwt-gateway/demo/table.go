package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"text/tabwriter"
	"time"
)

// row is one request of the tutorial and the answer that it must get.
type row struct {
	what, path, token string
	status            int
	// length and authenticate are headers of the answer, where the tutorial gives them.
	length, authenticate string
}

func rows() ([]row, error) {
	b, err := os.ReadFile(example + "/token.txt")
	if err != nil {
		return nil, err
	}
	token := strings.TrimSpace(string(b))
	const page, products = "/productpage", "/api/v1/products/1"
	refused := func(path string) string {
		return fmt.Sprintf(`Bearer realm="http://%s%s", error="invalid_token"`, gateway, path)
	}
	return []row{
		{"a valid token", page, token, http.StatusOK, "", ""},
		{"no token", page, "", http.StatusForbidden, "19", ""},
		{"an invalid token", page, "invalid token", http.StatusUnauthorized, "79", refused(page)},
		{"no token", products, "", http.StatusOK, "", ""},
		{"an invalid token", products, "invalid token", http.StatusUnauthorized, "79", refused(products)},
	}, nil
}

// table sends the requests, prints what was expected and what came, and reports whether
// they are the same.
func table(ctx context.Context, w io.Writer) (same bool, err error) {
	all, err := rows()
	if err != nil {
		return false, err
	}
	same = true
	out := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(out, "\nREQUEST\tPATH\tEXPECTED\tCAME\t")
	for _, r := range all {
		came, err := r.ask(ctx)
		if err != nil {
			return false, err
		}
		verdict := "ok"
		if came != r.expected() {
			verdict, same = "DIFFERS", false
		}
		fmt.Fprintf(out, "%s\t%s\t%s\t%s\t%s\n", r.what, r.path, r.expected(), came, verdict)
	}
	return same, out.Flush()
}

func (r row) expected() string {
	return answer(r.status, r.length, r.authenticate, "istio-envoy")
}

func answer(status int, length, authenticate, server string) string {
	parts := []string{fmt.Sprint(status), server}
	if length != "" {
		parts = append(parts, length+" bytes")
	}
	if authenticate != "" {
		parts = append(parts, authenticate)
	}
	return strings.Join(parts, ", ")
}

func (r row) ask(ctx context.Context) (string, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+gateway+r.path, http.NoBody)
	if err != nil {
		return "", err
	}
	if r.token != "" {
		request.Header.Set("Authorization", "Bearer "+r.token)
	}
	response, err := (&http.Client{Timeout: 10 * time.Second}).Do(request)
	if err != nil {
		return "", err
	}
	defer func() { _ = response.Body.Close() }()
	length := ""
	if r.length != "" {
		length = response.Header.Get("Content-Length")
	}
	return answer(response.StatusCode, length, response.Header.Get("WWW-Authenticate"), response.Header.Get("Server")), nil
}
