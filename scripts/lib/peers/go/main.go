// The standard library: one http.Client with a large idle pool, a goroutine for each call.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"strconv"
	"sync"
	"time"
)

var (
	url    = "http://127.0.0.1:" + os.Getenv("UPSTREAM_PORT") + "/u/1KB"
	client = &http.Client{
		Timeout: 5 * time.Second,
		Transport: &http.Transport{
			DialContext:         (&net.Dialer{Timeout: time.Second}).DialContext,
			MaxIdleConns:        2048,
			MaxIdleConnsPerHost: 2048,
			IdleConnTimeout:     90 * time.Second,
			DisableCompression:  true,
		},
	}
)

func fetch(ctx context.Context) (json.RawMessage, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	response, err := client.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("upstream status %d", response.StatusCode)
	}
	return io.ReadAll(response.Body)
}

func gather(n int) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		parts := make([]json.RawMessage, n)
		errs := make([]error, n)
		var group sync.WaitGroup
		for i := range n {
			group.Go(func() { parts[i], errs[i] = fetch(r.Context()) })
		}
		group.Wait()
		out := make(map[string]json.RawMessage, n)
		for i, part := range parts {
			if errs[i] != nil {
				http.Error(w, errs[i].Error(), http.StatusBadGateway)
				return
			}
			out["k"+strconv.Itoa(i)] = part
		}
		body, err := json.Marshal(out)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Content-Length", strconv.Itoa(len(body)))
		w.Write(body)
	}
}

func main() {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /hello", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/plain")
		io.WriteString(w, "Hello, World!")
	})
	for _, n := range []int{1, 8, 32} {
		mux.HandleFunc(fmt.Sprintf("GET /gather%d", n), gather(n))
	}
	log.Fatal(http.ListenAndServe("127.0.0.1:"+os.Getenv("PORT"), mux))
}
