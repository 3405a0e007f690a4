// A remote worker in Go: it sums numbers, and can be cancelled. Run it as: go run main.go http://localhost:8000
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"time"
)

type object = map[string]any

func call(path string, body object) (answer object) {
	for {
		text, _ := json.Marshal(body)
		request, _ := http.NewRequest("POST", os.Args[1]+"/api/worker/"+path, bytes.NewReader(text))
		request.Header.Set("content-type", "application/json")
		request.Header.Set("x-api-key", os.Getenv("FERMATA_API_KEY"))
		if response, err := http.DefaultClient.Do(request); err == nil && response.StatusCode < 500 {
			defer response.Body.Close()
			json.NewDecoder(response.Body).Decode(&answer)
			return answer
		}
		time.Sleep(time.Second)
	}
}

func main() {
	name := fmt.Sprintf("go-%d", os.Getpid())
	call("register", object{"worker": name, "types": []object{{"type": "go-sum"}}})
	for {
		tasks, _ := call("claim", object{"worker": name, "wait": 50})["tasks"].([]any)
		for _, one := range tasks {
			task := one.(object)
			token, sum := task["lease_token"], 0.0
			numbers, _ := task["parameters"].(object)["numbers"].([]any)
			for n, number := range numbers {
				sum += number.(float64)
				beat := call("beat", object{"lease_token": token, "progress": object{"current": n + 1, "total": len(numbers)}})
				if beat["signal"] == "cancel" {
					break
				}
			}
			call("complete", object{"lease_token": token, "result": sum})
		}
	}
}
