declare global {
  namespace App {
    interface Error {
      message: string;
      detail?: string;
      code?: string;
      status?: number;
      requestId?: string;
    }
  }
}

export {};
